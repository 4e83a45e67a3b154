// The system clock and delay(): cancelling, waits beyond one timer's reach, background timers.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mock, test } from "node:test";
import { VirtualClock } from "../testing/virtual-clock.ts";
import {
  atDeadline,
  type CancelTimer,
  type Clock,
  delay,
  systemClock,
  timerInParts,
} from "./clock.ts";

test("wall time is now, monotonic time does not go back", () => {
  assert.ok(Math.abs(systemClock.wallMs() - Date.now()) < 60_000);
  const first = systemClock.monotonicMs();
  assert.ok(systemClock.monotonicMs() >= first);
});

test("a timer fires once, a cancelled one never; cancelling twice does nothing", async () => {
  const fired: string[] = [];
  const cancel = systemClock.after(1, () => fired.push("cancelled"));
  cancel();
  cancel();
  await new Promise<void>((resolve) => {
    const cancelFired = systemClock.after(2, () => {
      fired.push("fired");
      cancelFired();
      resolve();
    });
  });
  assert.deepEqual(fired, ["fired"]);
});

test("a deadline that has passed comes after the current turn, unless cancelled", async () => {
  const fired: string[] = [];
  const pastMs = systemClock.monotonicMs();
  atDeadline(systemClock, pastMs, () => fired.push("cancelled"))();
  atDeadline(systemClock, pastMs + 60_000, () => fired.push("later"))();
  await new Promise<void>((resolve) => {
    atDeadline(systemClock, pastMs, () => resolve());
    fired.push("turn");
  });
  assert.deepEqual(fired, ["turn"]);
});

test("soon() runs after the current turn", async () => {
  const order: string[] = [];
  const done = new Promise<void>((resolve) => {
    systemClock.soon(() => {
      order.push("soon");
      resolve();
    });
  });
  await Promise.resolve();
  order.push("turn");
  await done;
  assert.deepEqual(order, ["turn", "soon"]);
});

test("a wait longer than one timer holds is split, and can be cancelled in any part", async () => {
  const part = 2_147_483_647;
  const clock = new VirtualClock();
  let longestMs = 0;
  const start = (partMs: number, action: () => void): CancelTimer => {
    longestMs = Math.max(longestMs, partMs);
    return clock.after(partMs, action);
  };
  let fired = 0;
  const action = (): void => {
    fired++;
  };
  timerInParts(part * 2 + 10, start, action);
  const cancelLater = timerInParts(part + 10, start, action);
  const cancelFirst = timerInParts(part + 10, start, action);
  cancelFirst();
  await clock.advance(part);
  cancelLater();
  await clock.advance(part);
  assert.equal(fired, 0);
  await clock.advance(9);
  assert.equal(fired, 0);
  await clock.advance(1);
  assert.equal(fired, 1);
  assert.equal(longestMs, part);
});

test("a test runner's fake timers hold nothing up", async () => {
  mock.timers.enable({ apis: ["setTimeout", "setImmediate", "Date"], now: 0 });
  try {
    await new Promise<void>((resolve) => systemClock.soon(resolve));
    await delay(systemClock, 1);
    assert.ok(systemClock.wallMs() > 0);
  } finally {
    mock.timers.reset();
  }
});

test("a background timer does not keep the process alive", () => {
  const url = new URL("./clock.ts", import.meta.url).href;
  const code = `import { systemClock } from ${JSON.stringify(url)};
    systemClock.after(1e9, () => {}, { background: true });`;
  const run = spawnSync(process.execPath, ["--input-type=module", "--no-warnings", "-e", code], {
    timeout: 60_000,
  });
  assert.equal(run.status, 0, String(run.stderr));
});

/** A clock whose one timer fires by hand. */
class HandClock implements Clock {
  fire: () => void = () => undefined;
  cancelled = 0;
  wallMs = (): number => 0;
  monotonicMs = (): number => 0;
  soon = (action: () => void): void => action();
  after(_delayMs: number, action: () => void): CancelTimer {
    this.fire = action;
    return () => {
      this.cancelled++;
    };
  }
}

test("delay() resolves when the timer fires, and then lets the signal go", async () => {
  const clock = new HandClock();
  const controller = new AbortController();
  const waiting = delay(clock, 5, controller.signal);
  clock.fire();
  await waiting;
  controller.abort();
  assert.equal(clock.cancelled, 0);
});

test("delay() rejects with the signal's reason and cancels the timer", async () => {
  const clock = new HandClock();
  const controller = new AbortController();
  const reason = new Error("enough");
  const waiting = delay(clock, 5, controller.signal);
  controller.abort(reason);
  await assert.rejects(waiting, reason);
  assert.equal(clock.cancelled, 1);
  await assert.rejects(delay(clock, 5, AbortSignal.abort(reason)), reason);
});
