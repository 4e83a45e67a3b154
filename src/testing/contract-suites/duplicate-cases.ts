// The contract of given ids: a repeat is stored once, an id with other content is refused.
import assert from "node:assert/strict";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { ContractCase } from "./contract-case.ts";

const refusal = "append() refuses a batch with given ids";

/** What deduplication promises. */
export const duplicateCases: readonly ContractCase[] = [
  {
    name: "duplicates: a repeat is stored once and answered with the first offset",
    requires: ["deduplication"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["before", { payload: "x", id: "id-1" }]);
      const repeat = await run.publish("one", [{ payload: "x", id: "id-1" }, "after"]);
      assert.deepEqual([...(repeat.exceptions ?? [])], [[0, { offset: 1 }]]);
      assert.equal(repeat.firstOffset, 2);
      assert.deepEqual(await run.stored("one"), ["before", "x", "after"]);
    },
  },
  {
    name: "duplicates: a repeat at another time, with another trace, is still a repeat",
    requires: ["deduplication"],
    refusal,
    async run(run) {
      await run.declare("one");
      const id = "0198c0de-0000-7000-8000-00000000abcd";
      await run.publish("one", [{ payload: "x", id, timeMs: 1_700_000_000_000 }]);
      const attributes = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
      const repeat = await run.publish("one", [{ payload: "x", id, attributes }]);
      assert.deepEqual([...(repeat.exceptions ?? [])], [[0, { offset: 0 }]]);
      assert.deepEqual(await run.stored("one"), ["x"]);
    },
  },
  {
    name: "duplicates: a repeat within one batch is stored once",
    requires: ["deduplication"],
    refusal,
    async run(run) {
      await run.declare("one");
      const drafts = [{ payload: "x", id: "a" }, "plain", { payload: "x", id: "a" }, "last"];
      const result = await run.publish("one", drafts);
      assert.equal(result.firstOffset, 0);
      assert.deepEqual([...(result.exceptions ?? [])], [[2, { offset: 0 }]]);
      assert.deepEqual(await run.stored("one"), ["x", "plain", "last"]);
    },
  },
  {
    name: "duplicates: of repeats at the same time one is stored",
    requires: ["deduplication"],
    refusal,
    async run(run) {
      await run.declare("one");
      const drafts = [{ payload: "x", id: "same" }];
      const appends = Array.from({ length: 20 }, () => run.publish("one", drafts));
      const results = await Promise.all(appends);
      const repeats = results.filter((result) => result.exceptions !== undefined);
      assert.equal(repeats.length, 19);
      for (const { exceptions } of repeats) assert.deepEqual(exceptions?.get(0), { offset: 0 });
      assert.deepEqual(await run.stored("one"), ["x"]);
    },
  },
  {
    name: "duplicates: the same id with other data is ID_REUSED; the rest of the batch is stored",
    requires: ["deduplication"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", [{ payload: "x", id: "id-1" }]);
      const result = await run.publish("one", ["a", { payload: "y", id: "id-1" }, "b"]);
      assert.equal(result.firstOffset, 1);
      assert.deepEqual([...(result.exceptions?.keys() ?? [])], [1]);
      const refused = result.exceptions?.get(1);
      assert.ok(refused instanceof SpillwayError && refused.code === "ID_REUSED");
      assert.match(refused.message, /id-1|one/);
      assert.deepEqual(await run.stored("one"), ["x", "a", "b"]);
    },
  },
  {
    name: "duplicates: the same id with another type is ID_REUSED",
    requires: ["deduplication"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.publish("one", [{ payload: "x", id: "id-1" }]);
      const template = { type: "com.example.other" };
      const result = await run.publish("one", [{ payload: "x", id: "id-1", template }]);
      const refused = result.exceptions?.get(0);
      assert.ok(refused instanceof SpillwayError && refused.code === "ID_REUSED");
      assert.deepEqual(await run.stored("one"), ["x"]);
    },
  },
  {
    name: "duplicates: the same id of another source, tenant or channel is another message",
    requires: ["deduplication"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.declare("two");
      const draft = { payload: "x", id: "id-1" };
      const result = await run.publish("one", [
        draft,
        { ...draft, template: { source: "elsewhere" } },
        { ...draft, attributes: { tenant: "acme" } },
        { ...draft, attributes: { tenant: "other" } },
      ]);
      assert.equal(result.exceptions, undefined);
      assert.equal((await run.publish("two", [draft])).exceptions, undefined);
      assert.equal((await run.stored("one")).length, 4);
      const repeat = await run.publish("one", [{ ...draft, attributes: { tenant: "other" } }]);
      assert.deepEqual(repeat.exceptions?.get(0), { offset: 3 });
    },
  },
  {
    name: "duplicates: messages without a given id are never taken for one another",
    requires: [],
    async run(run) {
      await run.declare("one");
      const result = await run.publish("one", ["x", "x", "x"]);
      assert.equal(result.exceptions, undefined);
      assert.deepEqual(await run.stored("one"), ["x", "x", "x"]);
    },
  },
  {
    name: "duplicates: a long id is compared as a whole",
    requires: ["deduplication"],
    refusal,
    async run(run) {
      await run.declare("one");
      const id = "long ".repeat(60);
      await run.publish("one", [{ payload: "x", id }]);
      const other = await run.publish("one", [{ payload: "x", id: `${id}2` }]);
      assert.equal(other.exceptions, undefined);
      const repeat = await run.publish("one", [{ payload: "x", id }]);
      assert.deepEqual(repeat.exceptions?.get(0), { offset: 0 });
    },
  },
  {
    name: "duplicates: a batch of nothing but repeats stores nothing",
    requires: ["deduplication"],
    refusal,
    async run(run) {
      await run.declare("one");
      const drafts = ["a", "b", "c"].map((id) => ({ payload: id, id }));
      await run.publish("one", drafts);
      const repeat = await run.publish("one", drafts);
      const offsets = [0, 1, 2].map((index) => repeat.exceptions?.get(index));
      assert.deepEqual(offsets, [{ offset: 0 }, { offset: 1 }, { offset: 2 }]);
      assert.equal((await run.publish("one", ["d"])).firstOffset, 3);
      assert.deepEqual(await run.stored("one"), ["a", "b", "c", "d"]);
    },
  },
  {
    name: "duplicates: a repeat in a commit unit is reported in its result",
    requires: ["deduplication", "atomicUnit"],
    refusal,
    async run(run) {
      await run.declare("one");
      await run.declare("out");
      await run.publish("out", [{ payload: "x", id: "id-1" }]);
      const consumer = await run.join("one", "group");
      const publishes = [run.batch("out", [{ payload: "x", id: "id-1" }, "new"])];
      const { appended } = await run.commitAll(consumer, { publishes });
      assert.equal(appended.length, 1);
      assert.deepEqual(appended[0]?.exceptions?.get(0), { offset: 0 });
      assert.deepEqual(await run.stored("out"), ["x", "new"]);
    },
  },
  {
    name: "duplicates: repeats are known after a restart",
    requires: ["durable", "deduplication"],
    refusal: "nothing durable can be opened again",
    async run(run) {
      await run.declare("one");
      await run.publish("one", ["a", { payload: "x", id: "id-1" }]);
      await run.restart();
      await run.declare("one");
      const repeat = await run.publish("one", [{ payload: "x", id: "id-1" }, "b"]);
      assert.deepEqual(repeat.exceptions?.get(0), { offset: 1 });
      assert.deepEqual(await run.stored("one"), ["a", "x", "b"]);
    },
  },
];
