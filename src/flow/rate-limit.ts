// A rate as its user writes it. Plain, immutable data; the buckets keep to it.
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { assertName } from "../contracts/names.ts";
import { assertBy, assertNumber, assertWhole, invalidFlow } from "./checks.ts";
import type { FlowMessage } from "./flow-message.ts";
import { heldMsMin, termsOf } from "./shared/lease.ts";

/** Options of rateLimit(). */
export interface RateLimitOptions {
  /** Handler calls a second, on average. */
  readonly perSecond: number;
  /** Calls that may start at once after a rest. Default: what a tenth of a second brings. */
  readonly burst?: number;
  /**
   * What has a bucket of its own: each type, key or tenant, or each text that the function gives;
   * undefined: this rate does not count for the message. Default: one bucket for all messages.
   */
  readonly by?: RateBy;
  /**
   * A name: all rates of this name in one journal keep one limit together, whatever process,
   * channel or group they are of. Give them the same numbers. Default: this subscription alone.
   */
  readonly shared?: string;
}

/** How messages are told apart by a rate. */
export type RateBy = "type" | "key" | "tenant" | ((message: FlowMessage) => string | undefined);

/** A rate; made by rateLimit(). */
export interface RateLimit {
  readonly kind: "rate-limit";
  readonly perSecond: number;
  readonly burst: number;
  readonly by: RateBy | undefined;
  readonly shared: string | undefined;
}

const known = optionNames<RateLimitOptions>({
  perSecond: true,
  burst: true,
  by: true,
  shared: true,
});

/** Slowest and fastest rate; below and above a limit means nothing. */
export const perSecondMin = 0.001;
export const perSecondMax = 1_000_000;
/** Largest burst. */
export const burstMax = 1_000_000;

/**
 * At most so many handler calls a second: a token bucket. Messages wait for it without a handler,
 * and without keeping others from theirs.
 *
 * @example
 * import { flowControl, rateLimit } from "spillway";
 * const flow = flowControl({
 *   rates: [rateLimit({ perSecond: 50, burst: 10, by: "type" }), rateLimit({ perSecond: 200 })],
 * });
 */
export function rateLimit(options: RateLimitOptions): RateLimit {
  assertKnownOptions(options, known, "rateLimit");
  const { perSecond, by } = options;
  assertNumber("rateLimit: perSecond", perSecond, perSecondMin, perSecondMax);
  const burst = options.burst ?? Math.max(1, Math.ceil(perSecond / 10));
  assertWhole("rateLimit: burst", burst, 1, burstMax);
  if (by !== undefined) assertBy("rateLimit: by", by, ["type", "key", "tenant"]);
  const { shared } = options;
  if (shared !== undefined) assertShared(shared, perSecond, burst);
  return Object.freeze({ kind: "rate-limit", perSecond, burst, by, shared });
}

function assertShared(shared: string, perSecond: number, burst: number): void {
  assertName("shared rate", shared);
  if (termsOf({ perSecond, burst }).heldMs >= heldMsMin) return;
  const least = Math.ceil((heldMsMin * perSecond) / 1_000) * 2;
  throw invalidFlow(
    `rateLimit: burst is ${burst} at ${perSecond} a second, which is less than processes need to ` +
      `share the rate '${shared}': give at least ${least}`,
  );
}
