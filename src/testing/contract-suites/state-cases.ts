// The contract of keyed state: versions, conflicts, and whose rows are whose.
import assert from "node:assert/strict";
import type { StateChange } from "../../ports/commit-unit.ts";
import type { StateRow, StateStore } from "../../ports/state-store.ts";
import type { Consumer } from "../../ports/transport.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ContractRun } from "./contract-run.ts";
import { numbered } from "./contract-words.ts";

const refusal = "commit() refuses a unit with state changes";
const requires = ["atomicUnit"] as const;

async function consumerOf(run: ContractRun, group = "group"): Promise<Consumer> {
  await run.declare("one");
  return run.join("one", group);
}

function storeOf(run: ContractRun): StateStore {
  return run.transport.state ?? assert.fail("a transport with atomicUnit has a state store");
}

async function read(run: ContractRun, key = "k", group = "group"): Promise<StateRow> {
  return storeOf(run).read({ channel: "one", group }, "t", key);
}

async function entries(run: ContractRun, table = "t"): Promise<[string, string][]> {
  const rows: [string, string][] = [];
  const scope = { channel: "one", group: "group" };
  for await (const { key, value } of storeOf(run).entries(scope, table)) rows.push([key, value]);
  return rows;
}

const change = (
  expected: number | undefined,
  value: string | null | undefined,
  key = "k",
  table = "t",
): StateChange => ({ table, key, expected, value });

/** What keyed state promises. */
export const stateCases: readonly ContractCase[] = [
  {
    name: "state: a row that does not exist has version 0; a written one another, rising version",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      assert.deepEqual(await read(run), { value: undefined, version: 0 });
      const first = await run.commitAll(consumer, { state: [change(0, "1")] });
      assert.deepEqual(await read(run), { value: "1", version: first.version });
      const second = await run.commitAll(consumer, { state: [change(first.version, "2")] });
      assert.ok(second.version > first.version && first.version > 0);
      assert.deepEqual(await read(run), { value: "2", version: second.version });
    },
  },
  {
    name: "state: a stale version is a conflict that names the row",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      const { version } = await run.commitAll(consumer, { state: [change(0, "1")] });
      await run.commitAll(consumer, { state: [change(version, "2")] });
      const stale = await run.commit(consumer, { state: [change(version, "3")] });
      assert.deepEqual(stale, { kind: "conflict", table: "t", key: "k" });
      consumer.resume();
      const exists = await run.commit(consumer, { state: [change(0, "3")] });
      assert.equal(exists.kind, "conflict");
      assert.equal((await read(run)).value, "2");
    },
  },
  {
    name: "state: a row that was only read is checked too",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      const { version } = await run.commitAll(consumer, { state: [change(0, "1")] });
      const reads = [change(version, undefined), change(0, undefined, "other")];
      await run.commitAll(consumer, { state: [...reads, change(0, "1", "new")] });
      assert.deepEqual(await read(run), { value: "1", version });
      assert.equal((await read(run, "other")).version, 0);
      const stale = await run.commit(consumer, {
        state: [change(0, undefined, "new"), change(version, "2")],
      });
      assert.deepEqual(stale, { kind: "conflict", table: "t", key: "new" });
      assert.equal((await read(run)).value, "1");
    },
  },
  {
    name: "state: null deletes a row; it may then be made anew",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      const { version } = await run.commitAll(consumer, { state: [change(0, "1")] });
      await run.commitAll(consumer, { state: [change(version, null)] });
      assert.deepEqual(await read(run), { value: undefined, version: 0 });
      const stale = await run.commit(consumer, { state: [change(version, "2")] });
      assert.equal(stale.kind, "conflict");
      consumer.resume();
      await run.commitAll(consumer, { state: [change(0, "3")] });
      assert.equal((await read(run)).value, "3");
    },
  },
  {
    name: "state: a change that expects nothing replaces whatever is there",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      await run.commitAll(consumer, { state: [change(undefined, "1")] });
      const second = await run.commitAll(consumer, { state: [change(undefined, "2")] });
      assert.deepEqual(await read(run), { value: "2", version: second.version });
      await run.commitAll(consumer, { state: [change(second.version, "3")] });
      await run.commitAll(consumer, { state: [change(undefined, null)] });
      await run.commitAll(consumer, { state: [change(undefined, null, "never")] });
      assert.deepEqual(await read(run), { value: undefined, version: 0 });
      const stale = await run.commit(consumer, {
        state: [change(undefined, "4"), change(second.version, "4", "never")],
      });
      assert.deepEqual(stale, { kind: "conflict", table: "t", key: "never" });
      assert.equal((await read(run)).value, undefined, "a refused unit writes nothing");
    },
  },
  {
    name: "state: a unit may build on one that is still under way",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      const units = [
        run.commit(consumer, { state: [change(0, "1"), change(0, "a", "other")] }),
        run.commit(consumer, { state: [change(-1, "2")] }),
        run.commit(consumer, { state: [change(-2, "3"), change(-1, "b", "other")] }),
      ];
      const results = await run.within("three commits", Promise.all(units));
      assert.deepEqual(
        results.map(({ kind }) => kind),
        ["committed", "committed", "committed"],
      );
      assert.equal((await read(run)).value, "3");
      assert.equal((await read(run, "other")).value, "b");
    },
  },
  {
    name: "state: a unit that builds on a superseded one conflicts",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      const units = [
        run.commit(consumer, { state: [change(0, "1")] }),
        run.commit(consumer, { state: [change(-1, "2")] }),
        run.commit(consumer, { state: [change(-1, "3")] }),
      ];
      const [, , last] = await run.within("three commits", Promise.all(units));
      assert.deepEqual(last, { kind: "conflict", table: "t", key: "k" });
      assert.equal((await read(run)).value, "2");
    },
  },
  {
    name: "state: a unit cannot build on one that was refused",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      const refused = await run.commit(consumer, { state: [change(7, "1")] });
      assert.equal(refused.kind, "conflict");
      consumer.resume();
      const built = await run.commit(consumer, { state: [change(-1, "2")] });
      assert.equal(built.kind, "conflict");
      assert.equal((await read(run)).value, undefined);
    },
  },
  {
    name: "state: a unit may build on a deletion that is still under way",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      const { version } = await run.commitAll(consumer, { state: [change(0, "1")] });
      const units = [
        run.commit(consumer, { state: [change(version, null)] }),
        run.commit(consumer, { state: [change(-2, "again")] }),
      ];
      const results = await run.within("two commits", Promise.all(units));
      assert.deepEqual(
        results.map(({ kind }) => kind),
        ["committed", "committed"],
      );
      assert.equal((await read(run)).value, "again");
    },
  },
  {
    name: "state: a row that another member changed is a conflict",
    requires,
    refusal,
    async run(run) {
      const first = await consumerOf(run);
      const second = await run.join("one", "group");
      const { version } = await run.commitAll(first, { state: [change(0, "1")] });
      await run.commitAll(second, { state: [change(version, "2")] });
      const stale = await run.commit(first, { state: [change(-1, "3")] });
      assert.equal(stale.kind, "conflict");
      assert.equal((await read(run)).value, "2");
    },
  },
  {
    name: "state: of writers at the same time exactly one wins",
    requires,
    refusal,
    async run(run) {
      await run.declare("one");
      const members = await Promise.all(numbered("m", 4).map(() => run.join("one", "group")));
      const units = members.map((member, at) =>
        run.commit(member, { state: [change(0, `writer ${at}`)] }),
      );
      const results = await run.within("four commits", Promise.all(units));
      const winners = results.flatMap(({ kind }, at) => (kind === "committed" ? [at] : []));
      assert.equal(winners.length, 1);
      assert.equal((await read(run)).value, `writer ${winners[0]}`);
    },
  },
  {
    name: "state: rows belong to one group, and survive its members",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      await run.commitAll(consumer, { state: [change(0, "mine")] });
      const other = await run.join("one", "other-group");
      assert.equal((await read(run, "k", "other-group")).value, undefined);
      await run.commitAll(other, { state: [change(0, "theirs")] });
      await consumer.close();
      assert.equal((await read(run)).value, "mine");
    },
  },
  {
    name: "state: tables are apart, and keys and values may be any text",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      const odd = ["", " ", "k/1", "ключ", "🚀", "a\u0000b", "x".repeat(300)];
      const state = odd.map((key) => change(0, `value of ${key}`, key));
      await run.commitAll(consumer, { state: [...state, change(0, "2", "k/1", "t2")] });
      for (const key of odd) assert.equal((await read(run, key)).value, `value of ${key}`);
      assert.deepEqual(await entries(run, "t2"), [["k/1", "2"]]);
      assert.deepEqual(await entries(run, "none"), []);
    },
  },
  {
    name: "state: entries are read in the order of their keys, without deleted ones",
    requires,
    refusal,
    async run(run) {
      const consumer = await consumerOf(run);
      const keys = Array.from({ length: 1_500 }, (_, at) => `key-${(at * 7) % 1_500}`);
      await run.commitAll(consumer, { state: keys.map((key) => change(0, `"${key}"`, key)) });
      const { version } = await read(run, "key-8");
      await run.commitAll(consumer, { state: [change(version, null, "key-8")] });
      const expected = keys.filter((key) => key !== "key-8").sort();
      assert.deepEqual(
        await entries(run),
        expected.map((key) => [key, `"${key}"`]),
      );
    },
  },
];
