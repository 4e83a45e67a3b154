// The contract of what requests and their answers need: the groups of a channel, batches that may
// be dropped, and a follower whose place is fixed before anything is asked.
import assert from "node:assert/strict";
import { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { acked, plainTemplate } from "./contract-words.ts";
import { withoutGaps } from "../../ports/gap.ts";

function optionalBatch(run: ContractRun, channel: string, payload: string): OutgoingBatch {
  const batch = new OutgoingBatch(channel, "normal", run.random, undefined, true);
  batch.add(plainTemplate, payload, run.clock.wallMs());
  return batch;
}

/** What requests need of a transport. */
export const requestCases: readonly ContractCase[] = [
  {
    name: "groups: names every group of a channel, with members or without, and no other's",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.declare("two");
      assert.deepEqual(await run.transport.groups("one"), []);
      const consumer = await run.join("one", "b");
      await run.join("one", "a");
      await run.join("two", "c");
      assert.deepEqual(await run.transport.groups("one"), ["a", "b"]);
      await consumer.close();
      assert.deepEqual(await run.transport.groups("one"), ["a", "b"]);
      await assert.rejects(run.transport.groups("nowhere"), { code: "UNKNOWN_CHANNEL" });
    },
  },
  {
    name: "unit: an optional batch is dropped where its channel does not exist; the unit stands",
    requires: ["atomicUnit"],
    refusal: "commit() refuses a unit that settles and publishes",
    async run(run) {
      await run.declare("one");
      await run.declare("out");
      await run.publish("one", ["m"]);
      const consumer = await run.join("one", "group");
      const [taken] = await run.take(consumer, 1);
      assert.ok(taken !== undefined);
      const { appended } = await run.commitAll(consumer, {
        settle: [[taken, acked]],
        publishes: [
          optionalBatch(run, "out", "first"),
          optionalBatch(run, "nowhere", "dropped"),
          run.batch("out", ["second"]),
          optionalBatch(run, "nowhere", "dropped"),
        ],
      });
      assert.deepEqual(
        appended.map(({ firstOffset, isDropped = false }) => [firstOffset, isDropped]),
        [
          [0, false],
          [-1, true],
          [1, false],
          [-1, true],
        ],
      );
      assert.deepEqual(await run.stored("out"), ["first", "second"]);
      assert.equal((await run.groupStatsOf("one", "group")).depth, 0);
    },
  },
  {
    name: "read: a follower from latest stands where the log ended when it asked first",
    requires: [],
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["before"]);
      const batches = withoutGaps(run.transport.read("one", { from: "latest", follow: true }));
      const reader = batches[Symbol.asyncIterator]();
      const first = reader.next();
      await run.publish("one", ["after"]);
      const step = await run.within("what was stored after the first call", first);
      assert.ok(step.done !== true);
      assert.deepEqual([step.value.count, step.value.payloadTextAt(0)], [1, "after"]);
      await run.within("the reader's end", reader.return(undefined));
    },
  },
];
