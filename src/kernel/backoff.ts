// Exponential back-off with full jitter: the wait before attempt n is uniform between 0 and a
// ceiling that doubles with every failure. Knows nothing of messages or timers. Always true: the
// result is at least 0 and below `delayMsMax`.
import type { Random } from "./random.ts";

/** The ceiling after the first failure, and the one that is never passed. */
export interface BackoffOptions {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
}

/** How long to wait after the `failures`-th failure in a row (1, 2, 3 …), in milliseconds. */
export function backoffMs(failures: number, options: BackoffOptions, random: Random): number {
  const ceiling = Math.min(options.delayMsMax, options.delayMsMin * 2 ** Math.max(0, failures - 1));
  return random.float() * ceiling;
}
