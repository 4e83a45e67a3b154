// The one door to time. Everything above asks a Clock for the wall time, for a monotonic time and
// for timers; only this folder touches `Date`, `performance` and Node's timers, so that a
// simulation can replace them all. Always true: monotonicMs() never goes back, whatever the wall
// clock does; a test runner's fake timers, which replace those of the global object, change nothing
// here, so that nothing waits for a time that only a test moves.
import { performance } from "node:perf_hooks";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";

/** Cancels a timer; calling it twice, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

/** Time as the library sees it: wall time for people, monotonic time for durations, timers. */
export interface Clock {
  /** Wall time in milliseconds since 1970-01-01T00:00:00Z; may jump either way. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start; never goes back; fractions are allowed. */
  monotonicMs(): number;
  /** Runs `action` once after `delayMs`; keeps the process alive until then unless `background`. */
  after(
    delayMs: number,
    action: () => void,
    options?: { readonly background?: boolean },
  ): CancelTimer;
  /** Runs `action` after the current turn of the event loop, before timers not yet due. */
  soon(action: () => void): void;
}

/** The longest delay one Node timer can hold; longer waits are split into several. */
const timerDelayMsMax = 2_147_483_647;

/** The machine's own clock and timers. */
export const systemClock: Clock = {
  // As they were when this file was loaded.
  wallMs: Date.now.bind(Date),
  monotonicMs: performance.now.bind(performance),
  after(delayMs, action, options) {
    return timerInParts(
      delayMs,
      (partMs, part) => {
        const timer = setTimeout(part, partMs);
        if (options?.background === true) timer.unref();
        return () => clearTimeout(timer);
      },
      action,
    );
  },
  soon(action) {
    setImmediate(action);
  },
};

/** Splits a delay into parts that `start`, one timer, can hold. */
export function timerInParts(
  delayMs: number,
  start: (partMs: number, part: () => void) => CancelTimer,
  action: () => void,
): CancelTimer {
  if (delayMs <= timerDelayMsMax) return start(delayMs, action);
  let cancelRest: CancelTimer = () => undefined;
  const cancelFirst = start(timerDelayMsMax, () => {
    cancelRest = timerInParts(delayMs - timerDelayMsMax, start, action);
  });
  return () => {
    cancelFirst();
    cancelRest();
  };
}

/**
 * Runs `action` at a point of monotonic time; one that has passed needs no timer, so that a clock
 * which stands still cannot hold it up.
 */
export function atDeadline(clock: Clock, deadlineMs: number, action: () => void): CancelTimer {
  const waitMs = deadlineMs - clock.monotonicMs();
  if (waitMs > 0) return clock.after(waitMs, action);
  let isCancelled = false;
  clock.soon(() => {
    if (!isCancelled) action();
  });
  return () => {
    isCancelled = true;
  };
}

/**
 * Waits `delayMs` on the given clock.
 * Rejects with the signal's reason as soon as `signal` aborts; the timer is then cancelled.
 */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
