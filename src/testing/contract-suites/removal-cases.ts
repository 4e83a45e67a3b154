// The contract of removing a channel: nothing of it is left, for nobody, and its name can be used
// again.
import assert from "node:assert/strict";
import { OutgoingBatch } from "../../message/outgoing-batch.ts";
import { withoutGaps } from "../../ports/gap.ts";
import type { Transport } from "../../ports/transport.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { acked, numbered, plainTemplate } from "./contract-words.ts";

const refusal = "remove() refuses";
const unknown = { code: "UNKNOWN_CHANNEL" } as const;

/** A channel with messages, a delayed one, and a group that settled some and keeps state. */
async function used(run: ContractRun): Promise<void> {
  await run.declare("one");
  await run.declare("other");
  await run.publish("one", [...numbered("m", 3), { payload: "given", id: "id-1" }]);
  await run.publish("other", ["stays"]);
  const consumer = await run.join("one", "group");
  const [first] = await run.take(consumer, 1);
  assert.ok(first !== undefined);
  await run.commitAll(consumer, {
    settle: [[first, acked]],
    state: [{ table: "totals", key: "k", expected: undefined, value: "1" }],
  });
  await consumer.close();
}

async function remove(run: ContractRun, transport: Transport = run.transport): Promise<void> {
  await run.within("remove", transport.remove("one"));
}

function optional(run: ContractRun): OutgoingBatch {
  const batch = new OutgoingBatch("one", "normal", run.random, undefined, true);
  batch.add(plainTemplate, "late", run.clock.wallMs());
  return batch;
}

async function assertUnknown(run: ContractRun, transport: Transport): Promise<void> {
  const consumer = { channel: "one", group: "group", from: "earliest", types: undefined } as const;
  await assert.rejects(transport.groups("one"), unknown);
  await assert.rejects(transport.consume(consumer), unknown);
  await assert.rejects(async () => transport.append([run.batch("one", ["m"])]), unknown);
  await assert.rejects(async () => {
    for await (const _ of transport.read("one", { from: "earliest" })) assert.fail("a message");
  }, unknown);
  const channels = (await transport.stats()).map(({ channel }) => channel);
  assert.deepEqual(channels, ["other"]);
}

/** What removing a channel promises. */
export const removalCases: readonly ContractCase[] = [
  {
    name: "removal: a removed channel is unknown to every call; others stay as they are",
    requires: ["channelRemoval", "atomicUnit"],
    refusal,
    async run(run) {
      await used(run);
      await remove(run);
      await assertUnknown(run, run.transport);
      await remove(run);
      const [result] = await run.within("append", run.transport.append([optional(run)]));
      assert.deepEqual(result, { firstOffset: -1, isDropped: true });
      assert.deepEqual(await run.stored("other"), ["stays"]);
    },
  },
  {
    name: "removal: declared anew, a channel begins with nothing: offsets, ids, groups, state",
    requires: ["channelRemoval", "atomicUnit"],
    refusal,
    async run(run) {
      await used(run);
      await remove(run);
      await run.declare("one", { partitions: 3 });
      assert.deepEqual(await run.transport.groups("one"), []);
      const given = await run.publish("one", [{ payload: "other", id: "id-1" }]);
      assert.deepEqual(given, { firstOffset: 0 });
      const consumer = await run.join("one", "group");
      const [taken] = await run.take(consumer, 1);
      assert.equal(taken?.payload, "other");
      const row = await run.transport.state?.read(
        { channel: "one", group: "group" },
        "totals",
        "k",
      );
      assert.equal(row?.value, undefined);
      await run.ack(consumer, [taken]);
      await run.publish("one", ["more"]);
      assert.deepEqual(await run.stored("one"), ["other", "more"]);
    },
  },
  {
    name: "removal: refused while a group has members",
    requires: ["channelRemoval"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["m"]);
      const consumer = await run.join("one", "group");
      await assert.rejects(remove(run), { code: "CHANNEL_IN_USE" });
      assert.deepEqual(await run.stored("one"), ["m"]);
      await consumer.close();
      await remove(run);
      await assert.rejects(run.transport.groups("one"), unknown);
    },
  },
  {
    name: "removal: whoever follows the channel is told, also when it is declared anew",
    requires: ["channelRemoval"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["m"]);
      const options = { from: "latest", follow: true } as const;
      const reader = withoutGaps(run.transport.read("one", options))[Symbol.asyncIterator]();
      const next = assert.rejects(reader.next(), unknown);
      await remove(run);
      await run.declare("one");
      await run.publish("one", ["new"]);
      await run.within("the end of reading", next);
    },
  },
  {
    name: "removal: delayed messages go with their channel",
    requires: ["channelRemoval", "delayedDelivery"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["later"], { dueAtMs: [run.clock.wallMs() + 50] });
      await remove(run);
      await run.declare("one");
      assert.equal((await run.statsOf("one")).delayed, 0);
      await run.pass(200);
      assert.deepEqual(await run.stored("one"), []);
    },
  },
  {
    name: "removal: other processes notice it, and find the channel that is declared anew",
    requires: ["channelRemoval", "multiProcess", "atomicUnit"],
    refusal,
    async run(run) {
      const second = await run.share();
      await used(run);
      const options = { from: "latest", follow: true } as const;
      const reader = withoutGaps(second.read("one", options))[Symbol.asyncIterator]();
      const next = assert.rejects(reader.next(), unknown);
      await remove(run);
      // At once, whatever the second one still remembers.
      const [result] = await run.within("append", second.append([optional(run)]));
      assert.equal(result?.isDropped, true);
      await run.within("the end of reading", next);
      await assertUnknown(run, second);
      await run.declare("one");
      await run.eventually("the new channel is found", async () => {
        const [found] = await second.append([optional(run)]);
        return found?.firstOffset === 0;
      });
      assert.deepEqual(await run.stored("one"), ["late"]);
    },
  },
  {
    name: "removal: it survives a restart, and the store is sound",
    requires: ["channelRemoval", "durable", "atomicUnit"],
    refusal,
    async run(run) {
      await used(run);
      await remove(run);
      await run.restart();
      await assertUnknown(run, run.transport);
      assert.equal(run.transport.health().status, "ok");
      await run.pass(2_000);
      await run.restart();
      await assertUnknown(run, run.transport);
      await run.declare("one");
      assert.deepEqual(await run.publish("one", ["new"]), { firstOffset: 0 });
    },
  },
];
