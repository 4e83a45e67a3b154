// State rows in memory: who is asked for what, what is kept, what a unit must expect to find.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StateRow as StoredRow, StateStore } from "../ports/state-store.ts";
import type { StateRow } from "./state-row.ts";
import { StateRows } from "./state-rows.ts";

const scope = { channel: "orders", group: "billing" };

/** A store that counts who asks; every key has its own text as value and version 7. */
function storeOf(isAsync = false): StateStore & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    read(_scope, _table, key): StoredRow | Promise<StoredRow> {
      asked.push(key);
      const row = { value: `"${key}"`, version: 7 };
      return isAsync ? Promise.resolve(row) : row;
    },
    async *entries() {
      // Nobody lists rows here.
    },
  };
}

function rowOf(found: StateRow | Promise<StateRow>): StateRow {
  assert.ok(!(found instanceof Promise));
  return found;
}

test("a row that is only written is not read, and a unit expects nothing of it", () => {
  const store = storeOf();
  const rows = new StateRows(store, scope, 10);
  const row = rowOf(rows.find("t", "a", false));
  assert.deepEqual([row.expected, row.pins, store.asked], [undefined, 1, []]);
  const again = rowOf(rows.find("t", "a", true));
  assert.equal(again, row, "one row has one object");
  assert.deepEqual([row.value, row.expected, row.pins, store.asked], ['"a"', 7, 2, ["a"]]);
});

test("a value written before it was looked at is not replaced by the store's", async () => {
  const rows = new StateRows(storeOf(true), scope, 10);
  const row = rowOf(rows.find("t", "a", false));
  const loading = rows.find("t", "a", true);
  row.value = '"mine"';
  row.isLoaded = true;
  row.writer = { sequence: 3 };
  assert.equal(await loading, row);
  assert.deepEqual([row.value, row.expected], ['"mine"', -3]);
});

test("callers that need a value at the same time share one question", async () => {
  const store = storeOf(true);
  const rows = new StateRows(store, scope, 10);
  const [one, other] = await Promise.all([rows.find("t", "a", true), rows.find("t", "a", true)]);
  assert.equal(one, other);
  assert.deepEqual([one?.pins, store.asked], [2, ["a"]]);
});

test("rows in memory stay within the bound; what was used lately stays, and what is in use", () => {
  const store = storeOf();
  const rows = new StateRows(store, scope, 10);
  const used = rowOf(rows.find("t", "used", true));
  for (let index = 0; index < 100; index++) {
    rowOf(rows.find("t", `row ${index}`, true)).pins--;
    rowOf(rows.find("t", "hot", true)).pins--;
    assert.ok(rows.size <= 11, `${rows.size} rows`);
  }
  assert.equal(rows.find("t", "used", true), used);
  assert.equal(store.asked.filter((key) => key === "hot").length, 1);
  rowOf(rows.find("t", "row 0", true));
  assert.equal(store.asked.filter((key) => key === "row 0").length, 2, "it was let go");
  rows.clear();
  assert.equal(rows.size, 0);
});
