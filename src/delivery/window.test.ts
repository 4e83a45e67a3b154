import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeliveryBatch } from "../ports/delivery-batch.ts";
import { acknowledged } from "./key-lines.ts";
import { seededRandom } from "../kernel/random.ts";
import { UnitBuilder } from "./unit-builder.ts";
import { Window, WindowBatch } from "./window.ts";

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
