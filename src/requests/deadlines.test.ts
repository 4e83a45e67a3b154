// Deadlines: what is due fires in order, what is taken out never does, and one timer does it all.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { Deadlines, type Timed } from "./deadlines.ts";

const item = (dueMs: number): Timed => ({ dueMs, place: -1 });

test("whatever is added and taken out, what is left fires at its time, in order", async () => {
  const step = fc.record({
    action: fc.constantFrom("add", "add", "remove", "pass"),
    value: fc.nat({ max: 50 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const clock = new VirtualClock();
      const fired: Timed[] = [];
      const model = new Set<Timed>();
      const deadlines = new Deadlines<Timed>(clock, (due) => {
        assert.ok(due.dueMs <= clock.monotonicMs());
        fired.push(due);
      });
      for (const { action, value } of steps) {
        if (action === "add") {
          const added = item(clock.monotonicMs() + value);
          model.add(added);
          deadlines.add(added);
        } else if (action === "remove") {
          const chosen = [...model][value % Math.max(1, model.size)];
          if (chosen !== undefined) deadlines.remove(chosen);
          model.delete(chosen as Timed);
        } else {
          await clock.advance(value / 5);
          const due = [...model].filter((each) => each.dueMs <= clock.monotonicMs());
          assert.deepEqual(new Set(fired.splice(0)), new Set(due));
          for (const each of due) model.delete(each);
        }
        assert.equal(deadlines.size, model.size);
        assert.ok(clock.timersWaiting <= 1, `${clock.timersWaiting} timers`);
      }
      await clock.advance(100);
      assert.deepEqual(
        fired.map((each) => each.dueMs),
        [...model].map((each) => each.dueMs).sort((left, right) => left - right),
      );
      assert.equal(clock.timersWaiting, 0);
    }),
    { numRuns: 200 },
  );
});

test("the timer of an empty heap goes after the turn, and is kept for who asks again", async () => {
  const clock = new VirtualClock();
  const fired: Timed[] = [];
  const deadlines = new Deadlines<Timed>(clock, (due) => void fired.push(due));
  const first = item(1_000);
  deadlines.add(first);
  deadlines.remove(first);
  const second = item(1_000);
  deadlines.add(second);
  await clock.settle();
  assert.equal(clock.timersWaiting, 1);
  deadlines.remove(second);
  deadlines.remove(second);
  await clock.settle();
  assert.equal(clock.timersWaiting, 0);
  deadlines.add(item(2_000));
  await clock.advance(2_000);
  assert.equal(fired.length, 1);
});

test("an item added while others fire is not forgotten", async () => {
  const clock = new VirtualClock();
  let fired = 0;
  const deadlines: Deadlines<Timed> = new Deadlines<Timed>(clock, () => {
    if (++fired < 5) deadlines.add(item(clock.monotonicMs() + 10));
  });
  deadlines.add(item(10));
  await clock.advance(50);
  assert.equal(fired, 5);
  assert.equal(clock.timersWaiting, 0);
});
