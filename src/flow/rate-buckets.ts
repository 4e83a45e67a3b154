// The buckets of one subscription's rates: which ones a message needs. Knows nothing of waiting.
// Always true: a rate has at most bucketsMax buckets; values beyond that share one more, which is
// stricter than they asked for; only full buckets for which nobody waits are forgotten.
import type { FlowMessage } from "./flow-message.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { Bucket } from "./token-bucket.ts";

/** Most buckets of one rate. */
export const bucketsMax = 10_000;
/** How long full buckets stay at least, when room is needed. */
const forgetEveryMs = 1_000;

/** Makes a bucket of a rate. */
export type MakeBucket = (rate: RateLimit, value: string | undefined) => Bucket;

/** The buckets of one rate. */
export class RateBuckets {
  readonly rate: RateLimit;
  readonly #make: MakeBucket;
  readonly #max: number;
  readonly #buckets = new Map<string | undefined, Bucket>();
  #others: Bucket | undefined;
  #forgottenAtMs = Number.NEGATIVE_INFINITY;

  constructor(rate: RateLimit, make: MakeBucket, max = bucketsMax) {
    this.rate = rate;
    this.#make = make;
    this.#max = max;
  }

  /** Buckets that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** The bucket of a value. */
  of(value: string | undefined, nowMs: number): Bucket {
    let bucket = this.#buckets.get(value);
    if (bucket !== undefined) return bucket;
    if (this.#buckets.size >= this.#max) this.#forget(nowMs);
    if (this.#buckets.size >= this.#max) {
      return (this.#others ??= this.#make(this.rate, "(others)"));
    }
    bucket = this.#make(this.rate, value);
    this.#buckets.set(value, bucket);
    return bucket;
  }

  #forget(nowMs: number): void {
    if (nowMs < this.#forgottenAtMs + forgetEveryMs) return;
    this.#forgottenAtMs = nowMs;
    for (const [value, bucket] of this.#buckets) {
      if (bucket.waiting === 0 && bucket.isFull(nowMs)) this.#buckets.delete(value);
    }
  }
}

/** The value by which a rule tells messages apart; undefined: the rule does not count for it. */
export function valueOf(
  by: "type" | "key" | "tenant" | ((message: FlowMessage) => string | undefined),
  message: FlowMessage,
): string | undefined {
  if (typeof by !== "function") return message[by];
  const value = by(message);
  if (value === undefined || typeof value === "string") return value;
  throw new TypeError(`it gave ${typeof value} instead of text or undefined`);
}
