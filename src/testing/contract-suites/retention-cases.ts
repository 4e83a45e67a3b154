// The contract of retention: it removes what is old or too much, and nothing a group still needs.
import assert from "node:assert/strict";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { acked, payloadsOf, type Taken } from "./contract-words.ts";
import { withoutGaps } from "../../ports/gap.ts";

const refusal = "declare() refuses a retention";
const requires = ["retention"] as const;
const payload = "x".repeat(2_000);

async function startOffsetOf(run: ContractRun): Promise<number> {
  return (await run.statsOf("one")).logs[0]?.startOffset ?? 0;
}

async function publishBatches(run: ContractRun, batches: number): Promise<void> {
  for (let batch = 0; batch < batches; batch++) await run.publish("one", [payload, payload]);
}

/** Appends now and then, until something was removed: retention may work in idle moments only. */
async function untilRemoved(run: ContractRun, offset = 1): Promise<void> {
  await run.eventually("old messages are removed", async () => {
    await run.publish("one", ["tick"]);
    return (await startOffsetOf(run)) >= offset;
  });
}

/** What retention promises. */
export const retentionCases: readonly ContractCase[] = [
  {
    name: "retention: bytes beyond the bound are removed from the oldest; offsets go on",
    requires,
    refusal,
    async run(run) {
      await run.declare("one", { retention: { bytes: 10_000 } });
      await publishBatches(run, 20);
      await untilRemoved(run);
      const { logs } = await run.statsOf("one");
      const { endOffset } = logs[0] ?? assert.fail("one log");
      assert.ok(endOffset >= 40);
      const { firstOffset } = await run.publish("one", ["next"]);
      assert.ok(firstOffset >= endOffset, "no offset is given twice");
      const batches = withoutGaps(run.transport.read("one", { from: "earliest" }));
      const first = batches[Symbol.asyncIterator]();
      const step = await first.next();
      assert.ok(step.done !== true && step.value.offsetAt(0) > 0, "reading starts at what is kept");
      await first.return?.(undefined);
    },
  },
  {
    name: "retention: age removes; what is young stays",
    requires,
    refusal,
    async run(run) {
      await run.declare("one", { retention: { days: 200 / 86_400_000 } });
      await publishBatches(run, 3);
      await run.pass(250);
      await untilRemoved(run, 6);
      await run.publish("one", ["young"]);
      assert.equal((await run.stored("one")).at(-1), "young");
    },
  },
  {
    name: "retention: never passes what a group has not settled",
    requires,
    refusal,
    async run(run) {
      await run.declare("one", { retention: { bytes: 5_000 } });
      const consumer = await run.join("one", "group");
      await publishBatches(run, 20);
      const taken = await run.take(consumer, 40);
      await run.ack(consumer, taken.slice(0, 20));
      await untilRemoved(run);
      await run.pass(100);
      const start = await startOffsetOf(run);
      assert.ok(start <= 20, `offset ${start} is the first kept; 20 is unsettled`);
      await consumer.close();
      const next = await run.join("one", "group");
      assert.equal((await run.take(next, 20))[0]?.offset, 20);
      assert.equal((await run.groupStatsOf("one", "group")).dropped, 0);
    },
  },
  {
    name: "retention: keeps an open message, however old",
    requires: ["retention", "individualSettlement"],
    refusal: "commit() refuses the outcome open",
    async run(run) {
      await run.declare("one", { retention: { bytes: 5_000 } });
      const consumer = await run.join("one", "group");
      await publishBatches(run, 20);
      const taken = await run.take(consumer, 40);
      const failed = taken[30] as Taken;
      const open = { kind: "open", attempt: 1, dueAtMs: 0, reason: "retry" } as const;
      await run.commitAll(consumer, {
        settle: taken.map((one) => [one, one === failed ? open : acked] as const),
      });
      await untilRemoved(run);
      await run.pass(100);
      assert.ok((await startOffsetOf(run)) <= 30);
      const [again] = await run.within("reload", consumer.reload("normal", [30]));
      assert.equal(again?.stored.payloadTextAt(again.records[0] as number), payload);
    },
  },
  {
    name: "retention: unread drop passes a slow group, which goes on with what is kept",
    requires,
    refusal,
    async run(run) {
      await run.declare("one", { retention: { bytes: 5_000, unread: "drop" } });
      const consumer = await run.join("one", "group");
      await publishBatches(run, 20);
      await untilRemoved(run);
      const start = await startOffsetOf(run);
      const { logs, groups } = await run.statsOf("one");
      assert.equal(groups[0]?.dropped, logs[0]?.startOffset, "what the group missed is counted");
      const [first] = await run.take(consumer, 1);
      assert.ok((first?.offset ?? 0) >= start, `delivery starts at ${start} or later`);
      await run.ack(consumer, [first as Taken]);
      await run.eventually("all that is kept is settled", async () => {
        await run.ack(consumer, await run.takeSome(consumer, 100));
        return (await run.groupStatsOf("one", "group")).depth === 0;
      });
    },
  },
  {
    name: "retention: a group that starts at a removed offset starts at the first kept one",
    requires: ["retention", "replayFromOffset"],
    refusal: "consume() refuses to start at an offset",
    async run(run) {
      await run.declare("one", { retention: { bytes: 5_000 } });
      await publishBatches(run, 20);
      await untilRemoved(run);
      const consumer = await run.join("one", "group", { from: { offset: 0 } });
      const [first] = await run.take(consumer, 1);
      assert.ok((first?.offset ?? 0) > 0);
      await run.publish("one", ["last"]);
      await run.eventually("everything up to the last is delivered", async () => {
        return payloadsOf(await run.takeSome(consumer, 100)).at(-1) === "last";
      });
    },
  },
];
