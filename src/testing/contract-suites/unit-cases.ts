// The contract of commit units: together or not at all, in order, and nothing after a refusal.
import assert from "node:assert/strict";
import type { CommitResult } from "../../ports/commit-unit.ts";
import type { Consumer } from "../../ports/transport.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { acked, numbered, payloadsOf, type Taken } from "./contract-words.ts";

const refusal = "commit() refuses a unit that settles and publishes";
const refusalOfIds = `${refusal}, or messages with given ids`;
const scope = { channel: "one", group: "group" };

/** A consumer of "one" with two deliveries, and a channel "out". */
async function twoTaken(run: ContractRun): Promise<[Consumer, Taken, Taken]> {
  await run.declare("one");
  await run.declare("out");
  await run.publish("one", numbered("m", 2));
  const consumer = await run.join("one", "group");
  const [first, second] = (await run.take(consumer, 2)) as [Taken, Taken];
  return [consumer, first, second];
}

const row = (value: string | null, expected = 0, key = "k") => ({
  table: "t",
  key,
  expected,
  value,
});

/** Where the messages are for which a unit was refused, and why. */
function reusedOf(result: CommitResult): string[] {
  assert.ok(result.kind === "reused", `the unit was not refused: ${JSON.stringify(result)}`);
  return result.reused.map(({ publish, index, error }) => `${publish}.${index} ${error.code}`);
}

/** What commit units promise. */
export const unitCases: readonly ContractCase[] = [
  {
    name: "unit: settlements, state and messages to several channels take effect together",
    requires: ["atomicUnit"],
    refusal,
    async run(run) {
      const [consumer, first, second] = await twoTaken(run);
      await run.declare("out-2");
      const { appended, version } = await run.commitAll(consumer, {
        settle: [
          [first, acked],
          [second, acked],
        ],
        publishes: [
          run.batch("out", numbered("a", 2)),
          run.batch("out-2", ["b"]),
          run.batch("out", ["c"]),
        ],
        state: [row("1")],
      });
      assert.deepEqual(
        appended.map(({ firstOffset }) => firstOffset),
        [0, 0, 2],
      );
      assert.deepEqual(await run.stored("out"), ["a-0", "a-1", "c"]);
      assert.deepEqual(await run.stored("out-2"), ["b"]);
      assert.deepEqual(await run.transport.state?.read(scope, "t", "k"), { value: "1", version });
      assert.equal((await run.groupStatsOf("one", "group")).depth, 0);
    },
  },
  {
    name: "unit: what a unit publishes reaches consumers who wait, also of its own channel",
    requires: ["atomicUnit"],
    refusal,
    async run(run) {
      const [consumer, first] = await twoTaken(run);
      const waiting = await run.join("out", "downstream");
      await run.commitAll(consumer, {
        settle: [[first, acked]],
        publishes: [run.batch("out", ["effect"]), run.batch("one", ["again"])],
      });
      assert.deepEqual(payloadsOf(await run.take(waiting, 1)), ["effect"]);
      assert.deepEqual(payloadsOf(await run.take(consumer, 1)), ["again"]);
    },
  },
  {
    name: "unit: a refused unit leaves nothing: no settlement, no message, no state",
    requires: ["atomicUnit"],
    refusal,
    async run(run) {
      const [consumer, first, second] = await twoTaken(run);
      await run.commitAll(consumer, { state: [row("taken")] });
      const refused = await run.commit(consumer, {
        settle: [
          [first, acked],
          [second, acked],
        ],
        publishes: [run.batch("out", ["effect"])],
        state: [row("other", 0, "new"), row("stale", 0)],
      });
      assert.deepEqual(refused, { kind: "conflict", table: "t", key: "k" });
      assert.deepEqual(await run.stored("out"), []);
      const fresh = await run.transport.state?.read(scope, "t", "new");
      assert.deepEqual(fresh, { value: undefined, version: 0 });
      assert.equal((await run.transport.state?.read(scope, "t", "k"))?.value, "taken");
      assert.equal((await run.groupStatsOf("one", "group")).depth, 2);
      await consumer.close();
      const next = await run.join("one", "group");
      assert.deepEqual(payloadsOf(await run.take(next, 2)), numbered("m", 2));
    },
  },
  {
    name: "unit: after a refused unit the later ones are poisoned, also those in flight",
    requires: ["atomicUnit"],
    refusal,
    async run(run) {
      const [consumer, first, second] = await twoTaken(run);
      const units = [
        run.commit(consumer, { publishes: [run.batch("out", ["before"])] }),
        run.commit(consumer, { settle: [[first, acked]], state: [row("x", 99)] }),
        run.commit(consumer, { settle: [[second, acked]] }),
        run.commit(consumer, { publishes: [run.batch("out", ["after"])] }),
      ];
      const results = await run.within("four commits", Promise.all(units));
      const kinds = results.map(({ kind }) => kind);
      assert.deepEqual(kinds, ["committed", "conflict", "poisoned", "poisoned"]);
      assert.equal((await run.commit(consumer, {})).kind, "poisoned");
      assert.deepEqual(await run.stored("out"), ["before"]);
      assert.equal((await run.groupStatsOf("one", "group")).depth, 2);
    },
  },
  {
    name: "unit: resume() ends the poisoned state; what was refused may be committed anew",
    requires: ["atomicUnit"],
    refusal,
    async run(run) {
      const [consumer, first, second] = await twoTaken(run);
      const settle = [
        [first, acked],
        [second, acked],
      ] as const;
      assert.equal(
        (await run.commit(consumer, { settle, state: [row("x", 99)] })).kind,
        "conflict",
      );
      assert.equal((await run.commit(consumer, { settle })).kind, "poisoned");
      consumer.resume();
      await run.commitAll(consumer, { settle, state: [row("x")] });
      assert.equal((await run.groupStatsOf("one", "group")).depth, 0);
      assert.equal((await run.transport.state?.read(scope, "t", "k"))?.value, "x");
      await run.takeNothing(consumer);
    },
  },
  {
    name: "unit: one consumer's refusal does not touch another's units",
    requires: ["atomicUnit"],
    refusal,
    async run(run) {
      const [consumer, , second] = await twoTaken(run);
      const other = await run.join("one", "other-group");
      assert.equal((await run.commit(consumer, { state: [row("x", 99)] })).kind, "conflict");
      await run.ack(other, await run.take(other, 2));
      assert.equal((await run.groupStatsOf("one", "other-group")).depth, 0);
      consumer.resume();
      await run.ack(consumer, [second]);
    },
  },
  {
    name: "unit: units take effect in the order of the calls",
    requires: ["atomicUnit"],
    refusal,
    async run(run) {
      const [consumer] = await twoTaken(run);
      const units = numbered("unit", 30).map((payload, index) =>
        run.commit(consumer, {
          publishes: [run.batch("out", [payload])],
          state: [row(payload, index === 0 ? 0 : -index)],
        }),
      );
      const results = await run.within("30 commits", Promise.all(units));
      const versions = results.map((result) => (result.kind === "committed" ? result.version : -1));
      assert.ok(versions.every((version, at) => at === 0 || version >= (versions[at - 1] ?? 0)));
      assert.ok(versions.every((version) => version > 0));
      assert.deepEqual(await run.stored("out"), numbered("unit", 30));
      assert.equal((await run.transport.state?.read(scope, "t", "k"))?.value, "unit-29");
    },
  },
  {
    name: "unit: a message to a channel that does not exist refuses the whole unit",
    requires: ["atomicUnit"],
    refusal,
    async run(run) {
      const [consumer, first] = await twoTaken(run);
      const commit = async (): Promise<unknown> =>
        run.commit(consumer, {
          settle: [[first, acked]],
          publishes: [run.batch("out", ["a"]), run.batch("nowhere", ["b"])],
          state: [row("x")],
        });
      await assert.rejects(commit, { code: "UNKNOWN_CHANNEL" });
      assert.deepEqual(await run.stored("out"), []);
      assert.equal((await run.transport.state?.read(scope, "t", "k"))?.value, undefined);
      assert.equal((await run.groupStatsOf("one", "group")).depth, 2);
    },
  },
  {
    name: "unit: an id that stands for other content refuses the whole unit, and names the message",
    requires: ["atomicUnit", "deduplication"],
    refusal: refusalOfIds,
    async run(run) {
      const [consumer, first, second] = await twoTaken(run);
      await run.declare("out-2");
      await run.publish("out-2", [{ payload: "x", id: "id-1" }]);
      const result = await run.commit(consumer, {
        settle: [
          [first, acked],
          [second, { kind: "open", attempt: 1, dueAtMs: 0, reason: "retry" }],
        ],
        publishes: [
          run.batch("out", ["a"]),
          run.batch("out-2", ["b", { payload: "y", id: "id-1" }, { payload: "c", id: "id-2" }]),
        ],
        state: [row("1")],
      });
      assert.deepEqual(reusedOf(result), ["1.1 ID_REUSED"]);
      assert.equal((await run.commit(consumer, {})).kind, "poisoned");
      assert.deepEqual([await run.stored("out"), await run.stored("out-2")], [[], ["x"]]);
      assert.equal((await run.transport.state?.read(scope, "t", "k"))?.value, undefined);
      assert.equal((await run.groupStatsOf("one", "group")).depth, 2);
      consumer.resume();
      await run.commitAll(consumer, {
        settle: [[first, acked]],
        publishes: [run.batch("out-2", [{ payload: "c", id: "id-2" }])],
      });
      assert.deepEqual(await run.stored("out-2"), ["x", "c"]);
      assert.equal((await run.groupStatsOf("one", "group")).depth, 1);
    },
  },
  {
    name: "unit: an id given twice within a unit refuses it; a repeat of the same message does not",
    requires: ["atomicUnit", "deduplication"],
    refusal: refusalOfIds,
    async run(run) {
      const [consumer, first] = await twoTaken(run);
      const id = "id-1";
      const twice = [{ payload: "x", id }, "between", { payload: "y", id }];
      const within = await run.commit(consumer, { publishes: [run.batch("out", twice)] });
      assert.deepEqual(reusedOf(within), ["0.2 ID_REUSED"]);
      consumer.resume();
      const across = [run.batch("out", [{ payload: "x", id }]), run.batch("one", ["other"])];
      const dueAtMs = [run.clock.wallMs() + 60_000];
      const delayed = run.batch("out", [{ payload: "y", id }], { dueAtMs });
      const later = await run.commit(consumer, { publishes: [...across, delayed] });
      assert.deepEqual(reusedOf(later), ["2.0 ID_REUSED"]);
      consumer.resume();
      const repeats = [{ payload: "x", id }, "between", { payload: "x", id }];
      const { appended } = await run.commitAll(consumer, {
        settle: [[first, acked]],
        publishes: [run.batch("out", repeats), run.batch("out", [{ payload: "x", id }])],
      });
      assert.deepEqual(appended[0]?.exceptions?.get(2), { offset: 0 });
      assert.deepEqual(appended[1]?.exceptions?.get(0), { offset: 0 });
      assert.deepEqual(await run.stored("out"), ["x", "between"]);
    },
  },
  {
    name: "unit: an empty unit commits",
    requires: ["atomicUnit"],
    refusal,
    async run(run) {
      const [consumer] = await twoTaken(run);
      assert.deepEqual((await run.commitAll(consumer, {})).appended, []);
    },
  },
  {
    name: "unit: what a unit did survives a restart, all of it",
    requires: ["durable", "atomicUnit"],
    refusal: "nothing durable can be opened again",
    async run(run) {
      const [consumer, first] = await twoTaken(run);
      await run.commitAll(consumer, {
        settle: [[first, acked]],
        publishes: [run.batch("out", ["effect"])],
        state: [row("kept")],
      });
      await run.restart();
      await run.declare("one");
      await run.declare("out");
      assert.deepEqual(await run.stored("out"), ["effect"]);
      const kept = await run.transport.state?.read(scope, "t", "k");
      assert.equal(kept?.value, "kept");
      const next = await run.join("one", "group");
      assert.deepEqual(payloadsOf(await run.take(next, 1)), ["m-1"]);
      await run.commitAll(next, { state: [row("changed", kept.version)] });
    },
  },
];
