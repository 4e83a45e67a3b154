import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { StateChange } from "../../../ports/commit-unit.ts";
import { stateColumnsOf, StateCursor } from "./state-columns.ts";

function throughColumns(changes: readonly StateChange[]): StateChange[] {
  const columns = stateColumnsOf(changes);
  if (columns === undefined) return [];
  const found: StateChange[] = [];
  const cursor = new StateCursor(structuredClone(columns));
  while (cursor.next()) {
    const { table, key, expected, value } = cursor;
    found.push({ table, key, expected, value });
  }
  return found;
}

test("changes come out as they went in, whatever their texts", () => {
  const text = fc.string({ unit: "binary", maxLength: 12 });
  const change = fc.record(
    {
      table: fc.constantFrom("accounts", "totals", "ü"),
      key: text,
      expected: fc.option(fc.integer({ min: -5, max: 2 ** 50 }), { nil: undefined }),
      value: fc.oneof(fc.constant(null), fc.constant(undefined), text),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      assert.deepEqual(throughColumns(changes), changes);
    }),
  );
});

test("a unit that looked at no row carries no versions", () => {
  const blind = { table: "t", key: "k", expected: undefined, value: "v" };
  assert.equal(stateColumnsOf([blind])?.expected, undefined);
  assert.equal(stateColumnsOf([]), undefined);
});
