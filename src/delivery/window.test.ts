import assert from "node:assert/strict";
import { test } from "node:test";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { DeliveryBatch } from "../ports/delivery-batch.ts";
import { acknowledged } from "./key-lines.ts";
import { seededRandom } from "../kernel/random.ts";
import { UnitBuilder } from "./unit-builder.ts";
import { offsetOf, Window, WindowBatch } from "./window.ts";

function batchOf(records: readonly number[], isReloaded = false): WindowBatch {
  const stored = { priority: "normal", bytes: 100 };
  return new WindowBatch({ stored, records } as unknown as DeliveryBatch, undefined, isReloaded);
}

test("many messages are done as one would be, each counted once", () => {
  for (const isReloaded of [false, true]) {
    const window = new Window();
    const batch = batchOf([3, 4, 5, 6], isReloaded);
    window.add(batch);
    window.done(batch, 1);
    window.allDone(batch, [0, 1, 2]);
    assert.deepEqual([batch.remaining, window.messages, window.bytes], [1, 1, 100]);
    assert.equal(window.reloaded, isReloaded ? 1 : 0);
    window.allDone(batch, [3]);
    window.allDone(batch, [3]);
    assert.deepEqual([window.messages, window.bytes, window.batches.size], [0, 0, 0]);
    assert.equal(window.reloaded, 0);
  }
});

test("where a message stands is said; what was taken and not done is put back in order", () => {
  const window = new Window();
  const stored = (priority: string, first: number) => ({
    priority,
    bytes: 10,
    offsetAt: (record: number) => first + record,
  });
  const of = (priority: string, first: number, records: readonly number[]): WindowBatch =>
    new WindowBatch(
      { stored: stored(priority, first), records } as unknown as DeliveryBatch,
      undefined,
    );
  const late = of("normal", 100, [0, 1, 2]);
  const early = of("normal", 50, [4]);
  const urgent = of("high", 200, [0]);
  for (const batch of [late, early, urgent]) window.add(batch);
  assert.equal(late.isReloaded, false);
  window.take(late, 0);
  window.take(late, 1);
  window.done(late, 1);
  const standing = [0, 1, 2].map((at) => [window.isTaken(late, at), window.isDone(late, at)]);
  assert.deepEqual(standing, [
    [true, false],
    [false, true],
    [false, false],
  ]);
  const { places, taken } = window.rewind();
  assert.equal(taken, 1);
  assert.deepEqual(
    places.map(({ batch, position }) => [batch.lane, offsetOf({ batch, position })]),
    [
      [urgent.lane, 200],
      [early.lane, 54],
      [early.lane, 100],
      [early.lane, 102],
    ],
  );
  assert.equal(window.isTaken(late, 0), false, "it waits again");
  assert.ok(urgent.lane < early.lane);
  assert.deepEqual([late.cursor, early.cursor, urgent.cursor], [3, 1, 1]);
});

test("messages that nobody took are fresh, unless they were read again", () => {
  const window = new Window();
  const again = batchOf([1], true);
  window.add(again);
  assert.equal(window.hasFresh, false);
  const batch = batchOf([3]);
  window.add(batch);
  assert.equal(window.hasFresh, true);
  window.take(batch, 0);
  assert.equal(window.hasFresh, false);
});

test("messages may expire unless the batch is certain that none has such a time", () => {
  const asked: string[] = [];
  const batchThatSays = (answer: boolean): WindowBatch => {
    const mayHave = (name: string): boolean => {
      asked.push(name);
      return answer;
    };
    const stored = { priority: "normal", bytes: 1, mayHave };
    return new WindowBatch({ stored, records: [] } as unknown as DeliveryBatch, undefined);
  };
  assert.equal(batchThatSays(false).mayExpire, false);
  assert.equal(batchThatSays(true).mayExpire, true);
  assert.equal(batchOf([1]).mayExpire, true, "it does not say");
  assert.deepEqual(asked, ["expiresAtMs", "expiresAtMs"]);
});

test("a refused message keeps its error, and its batch is looked at closely", () => {
  const batch = batchOf([3, 4]);
  batch.isPlain = true;
  const error = new SpillwayError("ID_REUSED", "the id stands for another message");
  batch.refuse(1, error);
  assert.deepEqual(
    [batch.isPlain, batch.reused?.get(0), batch.reused?.get(1)],
    [false, undefined, error],
  );
  assert.deepEqual([batch.size, batch.recordAt(1)], [2, 4]);
});

test("a unit names outcomes only where not everything is acknowledged", () => {
  const whole = batchOf([3, 4]);
  const mixed = batchOf([7, 8, 9]);
  const unit = new UnitBuilder(seededRandom(1));
  unit.settle(whole, 0, acknowledged);
  unit.settle(whole, 1, acknowledged);
  const open = { kind: "open", attempt: 1, dueAtMs: 5, reason: "retry" } as const;
  unit.settle(mixed, 2, acknowledged);
  unit.settle(mixed, 0, open);
  unit.settle(mixed, 1, acknowledged);
  const [first, second] = unit.toCommitUnit(0).settlements;
  assert.equal(first?.records, whole.delivery.records);
  assert.equal(first?.outcomes, undefined);
  assert.deepEqual(second?.records, [9, 7, 8]);
  assert.deepEqual(second?.outcomes, [acknowledged, open, acknowledged]);
});
