// Blocking waits of well under a millisecond, for synchronous code that must retry a lock. Never
// used on a path that could await instead. Always true: nobody else can wake the wait, it only
// times out.

const nobody = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread for about `pauseMs` milliseconds; fractions are kept. */
export function pauseThread(pauseMs: number): void {
  Atomics.wait(nobody, 0, 0, pauseMs);
}
