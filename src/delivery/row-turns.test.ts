// Turns at contended rows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RowTurns } from "./row-turns.ts";

test("a row goes from one to the next in order of asking, others are not concerned", async () => {
  const turns = new RowTurns();
  assert.equal(turns.isQuiet, true);
  assert.equal(turns.isTaken("a"), false);
  assert.equal(turns.enter("a"), undefined);
  assert.equal(turns.enter("b"), undefined);
  assert.equal(turns.isQuiet, false);
  const order: number[] = [];
  const waiting = [1, 2].map((n) => turns.enter("a")?.then(() => order.push(n)));
  turns.leave("b");
  assert.equal(turns.isTaken("b"), false);
  await Promise.resolve();
  assert.deepEqual(order, []);
  turns.leave("a");
  await waiting[0];
  assert.deepEqual(order, [1]);
  turns.leave("a");
  await waiting[1];
  assert.equal(turns.isTaken("a"), true);
  turns.leave("a");
  assert.equal(turns.isTaken("a"), false);
  assert.equal(turns.isQuiet, true);
  turns.leave("nobody has it");
  assert.equal(turns.isQuiet, true);
});
