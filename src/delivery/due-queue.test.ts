// The heap and the queue of what becomes due.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../kernel/random.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { DueHeap } from "./due-heap.ts";
import { DueQueue } from "./due-queue.ts";

test("the heap gives items by due time, equal ones in order of arrival", () => {
  const random = seededRandom(3);
  const heap = new DueHeap<readonly [number, number]>();
  const items = Array.from({ length: 500 }, (_, n) => [random.uint32() % 50, n] as const);
  for (const item of items) heap.push(item[0], item);
  assert.equal(heap.popDue(-1), undefined);
  const popped = Array.from({ length: 500 }, () => heap.popDue(50));
  assert.deepEqual(
    popped,
    items.toSorted((left, right) => left[0] - right[0] || left[1] - right[1]),
  );
  assert.equal(heap.popDue(50), undefined);
  assert.equal(heap.firstDueMs, undefined);
});

test("the queue has one timer, for the earliest item", async () => {
  const clock = new VirtualClock();
  const due: (readonly [string, number])[] = [];
  const queue = new DueQueue<string>(clock, (item) => due.push([item, clock.monotonicMs()]));
  const nowMs = clock.wallMs();
  queue.add("late", nowMs + 300);
  queue.add("early", nowMs + 100);
  queue.add("middle", nowMs + 200);
  queue.add("past", nowMs - 1_000);
  assert.equal(due.length, 0, "never at once");
  assert.equal(clock.timersWaiting, 1);
  await clock.advance(250);
  assert.deepEqual(due, [
    ["past", 0],
    ["early", 100],
    ["middle", 200],
  ]);
  queue.clear();
  assert.equal(clock.timersWaiting, 0);
  queue.add("again", nowMs + 400);
  await clock.advance(150);
  assert.deepEqual(due.slice(3), [["again", 400]], "what was forgotten does not come");
});
