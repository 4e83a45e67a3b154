// The contract of read(): everything stored, from anywhere, without a group and without a trace.
import assert from "node:assert/strict";
import type { StartPosition, StoredBatch, Transport } from "../../ports/transport.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { numbered, payloadsOf } from "./contract-words.ts";
import { withoutGaps } from "../../ports/gap.ts";

type ReadOptions = Parameters<Transport["read"]>[1];

async function readFrom(run: ContractRun, from: StartPosition): Promise<string[]> {
  const payloads: string[] = [];
  for await (const batch of withoutGaps(run.transport.read("one", { from })))
    payloads.push(...textsOf(batch));
  return payloads;
}

function textsOf(batch: StoredBatch): string[] {
  return Array.from({ length: batch.count }, (_, index) => batch.payloadTextAt(index));
}

/** Reads on in the background and keeps what it saw. */
function follow(
  run: ContractRun,
  options: Omit<ReadOptions, "follow">,
): { readonly seen: string[]; readonly ended: Promise<unknown> } {
  const seen: string[] = [];
  const readOn = async (): Promise<void> => {
    for await (const batch of withoutGaps(
      run.transport.read("one", { ...options, follow: true }),
    )) {
      seen.push(...textsOf(batch));
    }
  };
  return { seen, ended: readOn().catch((error: unknown) => error) };
}

/** What read() promises. */
export const readCases: readonly ContractCase[] = [
  {
    name: "read: gives everything stored up to the call, in order, with offsets, and ends",
    requires: [],
    async run(run) {
      await run.declare("one");
      for (const name of ["a", "b", "c"]) await run.publish("one", numbered(name, 4));
      const batches = withoutGaps(run.transport.read("one", { from: "earliest" }));
      const reader = batches[Symbol.asyncIterator]();
      const found: string[] = [];
      const offsets: number[] = [];
      for (;;) {
        const step = await run.within("the next batch", reader.next());
        if (step.done === true) break;
        // What is stored meanwhile is beyond the end.
        if (found.length === 0) await run.publish("one", ["too late"]);
        found.push(...textsOf(step.value));
        for (let at = 0; at < step.value.count; at++) offsets.push(step.value.offsetAt(at));
        assert.ok(step.value.bytes > 0);
      }
      assert.deepEqual(found, [...numbered("a", 4), ...numbered("b", 4), ...numbered("c", 4)]);
      assert.deepEqual(
        offsets,
        found.map((_, at) => at),
      );
    },
  },
  {
    name: "read, consume: an offset of this incarnation is taken, one of another is refused",
    requires: ["replayFromOffset"],
    refusal: "read() refuses to start at an offset",
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["a", "b"]);
      const { incarnation = "" } = run.transport;
      assert.notEqual(incarnation, "");
      assert.deepEqual(await readFrom(run, { offset: 1, incarnation }), ["b"]);
      const elsewhere = { offset: 1, incarnation: `${incarnation}0` };
      const refused = { code: "INCARNATION_CHANGED" };
      await assert.rejects(async () => readFrom(run, elsewhere), refused);
      const joining = { channel: "one", group: "g", from: elsewhere, types: undefined };
      await assert.rejects(async () => run.transport.consume(joining), refused);
      await (await run.transport.consume({ ...joining, from: { offset: 1, incarnation } })).close();
    },
  },
  {
    name: "read: an empty channel, and latest, give nothing and end",
    requires: [],
    async run(run) {
      await run.declare("one");
      assert.deepEqual(await readFrom(run, "earliest"), []);
      await run.publish("one", ["a"]);
      assert.deepEqual(await readFrom(run, "latest"), []);
    },
  },
  {
    name: "read: starts at any offset, also inside a batch",
    requires: ["replayFromOffset"],
    refusal: "read() refuses to start at an offset",
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 5));
      await run.publish("one", ["last"]);
      assert.deepEqual(await readFrom(run, { offset: 3 }), ["m-3", "m-4", "last"]);
      assert.deepEqual(await readFrom(run, { offset: 0 }), [...numbered("m", 5), "last"]);
      assert.deepEqual(await readFrom(run, { offset: 6 }), []);
    },
  },
  {
    name: "read: starts at a time",
    requires: ["replayFromTime"],
    refusal: "read() refuses to start at a time",
    async run(run) {
      await run.declare("one");
      const times: number[] = [];
      for (const payload of numbered("m", 3)) {
        times.push(run.clock.wallMs());
        await run.pass(30);
        await run.publish("one", [payload]);
        await run.pass(30);
      }
      assert.deepEqual(await readFrom(run, { timeMs: times[1] as number }), ["m-1", "m-2"]);
      assert.deepEqual(await readFrom(run, { timeMs: 0 }), numbered("m", 3));
      assert.deepEqual(await readFrom(run, { timeMs: run.clock.wallMs() + 60_000 }), []);
    },
  },
  {
    name: "read: each priority is read by itself",
    requires: ["priority"],
    refusal: "append() refuses a batch whose priority is not normal",
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["n"]);
      await run.publish("one", ["h"], { priority: "high" });
      assert.deepEqual(await run.stored("one", "high"), ["h"]);
      assert.deepEqual(await run.stored("one", "normal"), ["n"]);
      assert.deepEqual(await run.stored("one", "low"), []);
    },
  },
  {
    name: "read: a follower sees what is stored later, and ends when its signal aborts",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["before"]);
      const controller = new AbortController();
      const { seen, ended } = follow(run, { from: "earliest", signal: controller.signal });
      await run.eventually("the first is seen", () => seen.length === 1);
      for (const payload of numbered("m", 3)) await run.publish("one", [payload]);
      await run.eventually("all are seen", () => seen.length === 4);
      assert.deepEqual(seen, ["before", ...numbered("m", 3)]);
      controller.abort();
      await run.within("the follower's end", ended);
      await run.publish("one", ["unseen"]);
      assert.equal(seen.length, 4);
    },
  },
  {
    name: "read: a follower of a lane that nobody used yet, from latest, sees its first message",
    requires: ["priority"],
    refusal: "append() refuses a batch whose priority is not normal",
    async run(run) {
      await run.declare("one");
      const controller = new AbortController();
      const options = { from: "latest", priority: "high", signal: controller.signal } as const;
      const { seen, ended } = follow(run, options);
      await run.pass(20);
      await run.publish("one", ["n"]);
      await run.publish("one", ["h"], { priority: "high" });
      await run.eventually("the message is seen", () => seen.length === 1);
      assert.deepEqual(seen, ["h"]);
      controller.abort();
      await run.within("the follower's end", ended);
    },
  },
  {
    name: "read: a reader may leave in the middle",
    requires: [],
    async run(run) {
      await run.declare("one");
      for (const name of ["a", "b"]) await run.publish("one", numbered(name, 3));
      for await (const batch of withoutGaps(
        run.transport.read("one", { from: "earliest", follow: true }),
      )) {
        assert.ok(batch.count > 0);
        break;
      }
      await run.publish("one", ["c"]);
      assert.equal((await run.stored("one")).length, 7);
    },
  },
  {
    name: "read: reading moves no group",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.publish("one", numbered("m", 3));
      const consumer = await run.join("one", "group");
      await run.stored("one");
      assert.deepEqual(payloadsOf(await run.take(consumer, 3)), numbered("m", 3));
      await run.stored("one");
      assert.equal((await run.groupStatsOf("one", "group")).depth, 3);
    },
  },
  {
    name: "read: a channel that does not exist rejects UNKNOWN_CHANNEL",
    requires: [],
    async run(run) {
      await assert.rejects(async () => run.stored("nowhere"), { code: "UNKNOWN_CHANNEL" });
    },
  },
  {
    name: "read: a follower ends when the transport closes",
    requires: [],
    async run(run) {
      await run.declare("one");
      const { ended } = follow(run, { from: "earliest" });
      await run.pass(20);
      await run.transport.close();
      const error = await run.within("the follower's end", ended);
      assert.ok(error === undefined || (error as { code?: string }).code === "CLOSED");
    },
  },
];
