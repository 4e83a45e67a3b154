import assert from "node:assert/strict";
import { test } from "node:test";
import { keySlot } from "../kernel/key-slot.ts";
import { KeyLineTable } from "./key-line-table.ts";

test("a slot is free when no key of it has a line, in any log", () => {
  const table = new KeyLineTable();
  // Two keys of one slot.
  const [one, other] = ["k21", "k301"] as const;
  const slot = keySlot(one);
  assert.equal(keySlot(other), slot);
  assert.equal(table.isFree(slot), true);
  const lines = [table.for(0, one), table.for(1, one), table.for(1, other)];
  assert.equal(table.for(0, one), lines[0]);
  assert.equal(table.size, 3);
  assert.equal(table.isFree(keySlot("another")), true);
  for (const line of lines) {
    assert.equal(table.isFree(slot), false);
    table.delete(line);
    table.delete(line);
  }
  assert.deepEqual([table.isFree(slot), table.size], [true, 0]);
});

test("a table without lines has only free slots", () => {
  const table = new KeyLineTable();
  table.for(0, "a");
  table.clear();
  assert.deepEqual([table.isFree(keySlot("a")), table.size], [true, 0]);
  table.delete(table.for(0, "b"));
  table.for(0, "a");
  assert.equal(table.isFree(keySlot("a")), false);
  assert.equal(table.isFree(keySlot("b")), true);
});
