import assert from "node:assert/strict";
import { test } from "node:test";
import { firstNumbers, holdWhole, numbersKept } from "./handover.ts";
import { Ownership } from "./ownership.ts";
import { type LocatedBatch, recordState, TrackedBatch } from "./tracked-batch.ts";

/** Four records: two of range 0, two of range 1. */
function handoverOf(isWhole: boolean) {
  const slots = [0, 40_000, 1, 50_000];
  const batch = {
    base: 10,
    count: 4,
    slotAt: (record: number) => slots[record] as number,
    offsetAt: (record: number) => 10 + record,
  } as LocatedBatch;
  const tracked = new TrackedBatch(0, batch, 2);
  tracked.setAll(recordState.fresh);
  const ownership = new Ownership(2);
  for (const range of [0, 1]) ownership.grant({ range, epoch: 1, cursors: [], open: [] });
  return { handover: { batch, tracked, records: firstNumbers(4), isWhole, at: 0 }, ownership };
}

test("a whole fresh batch is held at once, and its ranges are busy with it", () => {
  const { handover, ownership } = handoverOf(true);
  assert.ok(holdWhole(handover, ownership));
  assert.deepEqual([...handover.tracked.states], Array(4).fill(recordState.held));
  assert.equal(handover.tracked.unsettled, 4);
  assert.deepEqual([ownership.busy(0), ownership.busy(1)], [2, 2]);
});

test("a part, a range that is asked back, or a record that is settled needs a look at each", () => {
  const part = handoverOf(false);
  assert.equal(holdWhole(part.handover, part.ownership), false);
  const revoked = handoverOf(true);
  revoked.ownership.revoke(1);
  assert.equal(holdWhole(revoked.handover, revoked.ownership), false);
  const settled = handoverOf(true);
  settled.handover.tracked.set(2, recordState.done);
  assert.equal(holdWhole(settled.handover, settled.ownership), false);
  assert.deepEqual([settled.ownership.busy(0), settled.ownership.busy(1)], [0, 0]);
});

test("every loss changes the number by which others know that nothing was lost", () => {
  const { ownership } = handoverOf(true);
  const { losses } = ownership;
  ownership.grant({ range: 1, epoch: 2, cursors: [], open: [] });
  assert.equal(ownership.losses, losses);
  ownership.revoke(0);
  ownership.drop(0);
  assert.equal(ownership.losses, losses + 2);
});

test("lists of numbers are shared, and only so many are kept", () => {
  const first = firstNumbers(3);
  assert.deepEqual(first, [0, 1, 2]);
  assert.equal(firstNumbers(3), first);
  for (let count = 100; count < 100 + numbersKept; count++) firstNumbers(count);
  assert.notEqual(firstNumbers(3), first);
  assert.deepEqual(firstNumbers(3), first);
});
