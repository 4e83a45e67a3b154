// The contract of what is told for people who ask why a message waits: where a group stands at a
// key, and which log is asked first.
import assert from "node:assert/strict";
import { keySlot } from "../../kernel/key-slot.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { acked, keyInRange } from "./contract-words.ts";

const partitions = 4;

async function standingOf(run: ContractRun, group: string, key: string) {
  const query = { channel: "one", group, priority: "normal", slot: keySlot(key) } as const;
  return run.within("standing", run.transport.standing(query));
}

/** What is promised to whoever explains. */
export const standingCases: readonly ContractCase[] = [
  {
    name: "standing: what is neither listed nor at or behind the position is settled",
    requires: ["individualSettlement"],
    refusal: "commit() refuses an open outcome",
    async run(run) {
      await run.declare("one", { partitions });
      const [key, other] = [keyInRange(1, partitions), keyInRange(2, partitions)];
      const payloads = ["a", "b", "c", "d"];
      await run.publish("one", [
        ...payloads.map((payload) => ({ payload, key })),
        { payload: "x", key: other },
      ]);
      const consumer = await run.join("one", "group");
      const [first, second] = await run.take(consumer, 5);
      assert.ok(first !== undefined && second !== undefined);
      const dueAtMs = run.clock.wallMs() + 60_000;
      const open = { kind: "open", attempt: 2, dueAtMs, reason: "retry" } as const;
      await run.commitAll(consumer, {
        settle: [
          [first, acked],
          [second, open],
        ],
      });
      const standing = await standingOf(run, "group", key);
      assert.ok(standing !== undefined);
      assert.equal(standing.owner, "here");
      assert.equal(standing.members, 1);
      const listed = standing.open.filter(({ offset }) => offset === 1);
      assert.deepEqual(listed, [{ offset: 1, attempt: 2, dueAtMs, reason: "retry" }]);
      const isSettled = (offset: number): boolean =>
        offset < standing.position && !standing.open.some((each) => each.offset === offset);
      assert.deepEqual([0, 1, 2, 3].map(isSettled), [true, false, false, false]);
      const elsewhere = await standingOf(run, "group", other);
      assert.ok(
        elsewhere?.open.every(({ offset }) => offset === 4),
        "only of the key's range",
      );
    },
  },
  {
    name: "standing: a group that nobody is a member of, and one that there is not",
    requires: [],
    async run(run) {
      await run.declare("one", { partitions });
      await run.publish("one", [{ payload: "a", key: "k" }]);
      const consumer = await run.join("one", "group");
      await run.take(consumer, 1);
      await consumer.close();
      const standing = await standingOf(run, "group", "k");
      assert.equal(standing?.owner, "nobody");
      assert.equal(standing.members, 0);
      assert.equal(await standingOf(run, "other", "k"), undefined);
    },
  },
  {
    name: "standing: a fetch begins with the log that is asked first",
    requires: ["priority"],
    refusal: "append() refuses a batch of high priority",
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["high"], { priority: "high" });
      await run.publish("one", ["low"], { priority: "low" });
      const consumer = await run.join("one", "group");
      const { signal } = new AbortController();
      const taken: string[] = [];
      for (const first of ["low", "low"] as const) {
        const batch = await run.within("a delivery", consumer.next(1, signal, first));
        assert.ok(batch !== undefined);
        taken.push(batch.stored.payloadTextAt(batch.records[0] as number));
      }
      assert.deepEqual(taken, ["low", "high"], "and the others where it has nothing");
    },
  },
];
