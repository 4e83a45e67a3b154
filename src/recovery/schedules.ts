// Retry schedules: how long to wait after the n-th failure. Know nothing of messages or bounds of
// attempts. Always true: a wait is at least 0 and never above the schedule's maximum; nothing is
// remembered between two calls.
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import type { Random } from "../kernel/random.ts";
import { assertMilliseconds, invalidPolicy } from "./bounds.ts";

/** How long to wait before each further try. */
export interface RetrySchedule {
  /** The wait after the `failures`-th failure (1, 2, 3 …), in milliseconds. */
  waitMs(failures: number, random: Random): number;
}

/** Options of linear(). */
export interface LinearOptions {
  /** The wait after the first failure; it grows by as much with every further one. */
  readonly stepMs: number;
  /** Longest wait of all. Default 30 s. */
  readonly maxMs?: number;
  /** "full": drawn between 0 and the wait. Default "none". */
  readonly jitter?: "none" | "full";
}

/** Options of exponential(). */
export interface ExponentialOptions {
  /** The wait after the first failure; it doubles with every further one. Default 100 ms. */
  readonly initialMs?: number;
  /** Longest wait of all. Default 30 s. */
  readonly maxMs?: number;
  /**
   * Default "full": drawn between 0 and the wait. "decorrelated": drawn between `initialMs` and
   * three times the wait before. "none": the wait itself.
   */
  readonly jitter?: "none" | "full" | "decorrelated";
}

const knownLinear = optionNames<LinearOptions>({ stepMs: true, maxMs: true, jitter: true });
const knownExponential = optionNames<ExponentialOptions>({
  initialMs: true,
  maxMs: true,
  jitter: true,
});
const initialMsDefault = 100;
const maxMsDefault = 30_000;

/**
 * No wait at all: for failures that are gone with the next call, a lost race for instance.
 *
 * @example
 * import { deadLetter, errorPolicy, immediate, otherwise, retry } from "spillway";
 * const errors = errorPolicy(otherwise(retry(immediate(), { attempts: 3 }).then(deadLetter())));
 */
export function immediate(): RetrySchedule {
  return Object.freeze({ waitMs: () => 0 });
}

/**
 * Waits that grow by one step with every failure.
 *
 * @example
 * import { linear } from "spillway";
 * const schedule = linear({ stepMs: 1_000, maxMs: 10_000 });
 */
export function linear(options: LinearOptions): RetrySchedule {
  assertKnownOptions(options, knownLinear, "linear");
  const { stepMs, maxMs = maxMsDefault, jitter = "none" } = options;
  assertMilliseconds("linear: stepMs", stepMs);
  assertMilliseconds("linear: maxMs", maxMs);
  assertJitter("linear", jitter, ["none", "full"]);
  const waitMs = (failures: number, random: Random): number => {
    const ceiling = Math.min(maxMs, stepMs * failures);
    return jitter === "full" ? random.float() * ceiling : ceiling;
  };
  return Object.freeze({ waitMs });
}

/**
 * Waits that double with every failure.
 *
 * @example
 * import { exponential } from "spillway";
 * const schedule = exponential({ initialMs: 100, maxMs: 30_000, jitter: "decorrelated" });
 */
export function exponential(options: ExponentialOptions = {}): RetrySchedule {
  assertKnownOptions(options, knownExponential, "exponential");
  const { initialMs = initialMsDefault, maxMs = maxMsDefault, jitter = "full" } = options;
  assertMilliseconds("exponential: initialMs", initialMs);
  assertMilliseconds("exponential: maxMs", maxMs);
  assertJitter("exponential", jitter, ["none", "full", "decorrelated"]);
  const waitMs = (failures: number, random: Random): number => {
    if (jitter === "decorrelated") return decorrelatedMs(failures, initialMs, maxMs, random);
    const ceiling = Math.min(maxMs, initialMs * 2 ** Math.max(0, failures - 1));
    return jitter === "full" ? random.float() * ceiling : ceiling;
  };
  return Object.freeze({ waitMs });
}

/** Failures after which the chain of waits is as spread as it will ever be. */
const chainLengthMax = 64;

/** The chain is drawn anew each time: the same distribution, and nothing to store. */
function decorrelatedMs(
  failures: number,
  initialMs: number,
  maxMs: number,
  random: Random,
): number {
  let waitMs = initialMs;
  for (let draw = Math.min(failures, chainLengthMax); draw > 0; draw--) {
    waitMs = Math.min(maxMs, initialMs + random.float() * (waitMs * 3 - initialMs));
  }
  return waitMs;
}

function assertJitter(name: string, jitter: string, allowed: readonly string[]): void {
  if (allowed.includes(jitter)) return;
  const choice = allowed.map((each) => `"${each}"`).join(" or ");
  throw invalidPolicy(`${name}: jitter is ${JSON.stringify(jitter)}: give ${choice}`);
}
