import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { DatabaseSync } from "../journal/sqlite.ts";
import { SlicedTable } from "./sliced-table.ts";
import { Statements } from "./statements.ts";
import { tablesOf } from "./tables.ts";

const schema =
  "CREATE TABLE state (tbl INTEGER NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, " +
  "value TEXT NOT NULL, PRIMARY KEY (tbl, key)) STRICT, WITHOUT ROWID";
const failure = (error: unknown): unknown => error;

let source: Statements;
let copy: Statements;
const close = (): void => {
  for (const rows of [source, copy]) if (rows?.connection.isOpen) rows.close();
};
beforeEach(() => {
  if (source !== undefined) close();
  source = new Statements(new DatabaseSync(":memory:"), failure);
  copy = new Statements(new DatabaseSync(":memory:"), failure);
  for (const rows of [source, copy]) rows.exec(schema);
});
after(close);

function put(version: number, ...keys: readonly (readonly [table: number, key: string])[]): void {
  for (const [table, key] of keys) {
    source.run("REPLACE INTO state VALUES (?, ?, ?, ?)", table, key, version, `v${version}`);
  }
}

function keysTo(count: number, table = 1): (readonly [number, string])[] {
  return Array.from({ length: count }, (_, index) => [table, `k${String(index).padStart(4, "0")}`]);
}

function sliced(limits = { sliceRows: 10, slicesMax: 1_000 }): SlicedTable {
  const [table] = tablesOf(source);
  assert.ok(table !== undefined);
  const whole = { rows: source, snapshot: <Result>(action: () => Result): Result => action() };
  return new SlicedTable({
    table,
    changeColumn: "version",
    source: whole,
    copy: { rows: copy },
    limits,
  });
}

const all = (rows: Statements): unknown => rows.all("SELECT * FROM state ORDER BY tbl, key");
const nothing = async (): Promise<void> => undefined;

test("the first pass copies everything, the next one only what changed", async () => {
  put(1, ...keysTo(35), ...keysTo(3, 2));
  const table = sliced();
  assert.equal(await table.pass(0, nothing), 38);
  assert.deepEqual(all(copy), all(source));
  put(2, [1, "k0004"], [1, "new"], [2, "k0000"]);
  assert.equal(await table.pass(2, nothing), 3);
  assert.deepEqual(all(copy), all(source));
  assert.equal(await table.pass(3, nothing), 0);
});

test("rows that were removed are noticed, at both ends and in between", async () => {
  put(1, ...keysTo(45));
  const table = sliced();
  await table.pass(0, nothing);
  source.run("DELETE FROM state WHERE key IN ('k0000', 'k0017', 'k0044')");
  put(2, [1, "k0003"]);
  await table.pass(2, nothing);
  assert.deepEqual(all(copy), all(source));
  source.run("DELETE FROM state WHERE key >= 'k0030'");
  table.finish(3);
  assert.deepEqual(all(copy), all(source));
  source.run("DELETE FROM state");
  await table.pass(3, nothing);
  assert.deepEqual(all(copy), []);
});

test("a removed row that is made up for by a new one is noticed", async () => {
  put(1, ...keysTo(20));
  const table = sliced();
  await table.pass(0, nothing);
  source.run("DELETE FROM state WHERE key = 'k0001'");
  put(2, [1, "k0001a"]);
  table.finish(2);
  assert.deepEqual(all(copy), all(source));
});

test("what happens between two slices is caught up with by the last pass", async () => {
  put(1, ...keysTo(40));
  const table = sliced();
  let slices = 0;
  await table.pass(0, async () => {
    // Behind and in front of where the pass is.
    put(2, [1, "k0001"], [1, "k0039"], [1, `new${slices}`]);
    source.run("DELETE FROM state WHERE key = ?", `k00${10 + slices}`);
    slices++;
  });
  assert.ok(slices > 3);
  table.finish(2);
  assert.deepEqual(all(copy), all(source));
});

test("a new object goes on with what an earlier one has copied", async () => {
  put(1, ...keysTo(30));
  await sliced().pass(0, nothing);
  put(5, [1, "k0002"], [3, "later"]);
  source.run("DELETE FROM state WHERE key = 'k0029'");
  const again = sliced();
  assert.ok((await again.pass(5, nothing)) < 30);
  assert.deepEqual(all(copy), all(source));
});

test("a large table has larger slices, not more of them", async () => {
  put(1, ...keysTo(400));
  const table = sliced({ sliceRows: 10, slicesMax: 8 });
  let slices = 0;
  await table.pass(0, async () => {
    slices++;
  });
  assert.ok(slices <= 8, `${slices} slices`);
  assert.deepEqual(all(copy), all(source));
});

test("keys with NUL and beyond ASCII are copied as they are", async () => {
  put(1, [1, "a\0b"], [1, "a"], [1, "ä€😀"], [1, ""]);
  const table = sliced({ sliceRows: 1, slicesMax: 100 });
  await table.pass(0, nothing);
  const keys = (rows: Statements): unknown =>
    rows.all("SELECT CAST(key AS BLOB) FROM state ORDER BY key");
  assert.deepEqual(keys(copy), keys(source));
  put(2, [1, "a\0b"]);
  table.finish(2);
  assert.equal(copy.number("SELECT count(*) FROM state WHERE version = 2"), 1);
});
