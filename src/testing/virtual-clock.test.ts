// The virtual clock: order, settling, cancelling, wall jumps and its bound.
import assert from "node:assert/strict";
import { test } from "node:test";
import { delay } from "../kernel/clock.ts";
import { timersFiredMax, VirtualClock } from "./virtual-clock.ts";

test("timers fire in order of due time, then of setting, at their own time", async () => {
  const clock = new VirtualClock({ wallMs: 1_000 });
  const seen: string[] = [];
  clock.after(20, () => seen.push(`b at ${clock.monotonicMs()}`));
  clock.after(10, () => seen.push(`a at ${clock.monotonicMs()}`));
  clock.after(20, () => seen.push(`c at ${clock.wallMs()}`));
  clock.after(31, () => seen.push("too late"));
  await clock.advance(30);
  assert.deepEqual(seen, ["a at 10", "b at 20", "c at 1020"]);
  assert.equal(clock.monotonicMs(), 30);
  assert.equal(clock.timersWaiting, 1);
});

test("what a timer causes settles before the next timer fires", async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  clock.after(10, () => {
    void (async () => {
      for (let step = 0; step < 50; step++) await Promise.resolve();
      clock.soon(() => {
        seen.push("caused by the first");
        clock.after(5, () => seen.push("nested"));
      });
    })();
  });
  clock.after(12, () => seen.push("second"));
  await clock.advance(20);
  assert.deepEqual(seen, ["caused by the first", "second", "nested"]);
});

test("a sleeping loop runs once a period and ends with its signal", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  let rounds = 0;
  const loop = (async () => {
    for (;;) {
      await delay(clock, 100, controller.signal);
      rounds++;
    }
  })();
  loop.catch(() => undefined);
  await clock.advance(1_050);
  assert.equal(rounds, 10);
  controller.abort(new Error("enough"));
  await assert.rejects(loop, /enough/);
  assert.equal(clock.timersWaiting, 0);
});

test("the wall clock jumps alone", async () => {
  const clock = new VirtualClock({ wallMs: 5_000 });
  await clock.advance(100);
  clock.jumpWall(-2_000);
  assert.equal(clock.wallMs(), 3_100);
  assert.equal(clock.monotonicMs(), 100);
});

test("a timer of delay 0 that sets itself again is reported, not followed for ever", async () => {
  const clock = new VirtualClock();
  // Settling costs a turn of the event loop; the bound is what counts here.
  clock.settle = () => Promise.resolve();
  const again = (): void => void clock.after(0, again);
  again();
  await assert.rejects(clock.advance(1), new RegExp(`more than ${timersFiredMax} timers`));
});

test("two advances at once, and going back, are refused", async () => {
  const clock = new VirtualClock();
  const first = clock.advance(10);
  await assert.rejects(clock.advance(10), { code: "INVALID_ARGUMENT" });
  await first;
  await assert.rejects(clock.advance(-1), { code: "INVALID_ARGUMENT" });
  assert.equal(clock.monotonicMs(), 10);
});
