// The rules of one subscription as they are now, and what they say of a message. Owns the buckets.
// Knows nothing of waiting. Always true: a rule that fails counts as not there, and is told.
import type { WindowBatch } from "../delivery/window.ts";
import type { Clock } from "../kernel/clock.ts";
import { priorities, type Priority } from "../message/envelope.ts";
import { type CoalesceRule, coalesceRuleOf } from "./coalescing.ts";
import type { QueueOrder } from "./fair-queue.ts";
import type { FlowOptions } from "./flow-control.ts";
import { type FlowMessage, StoredFlowMessage } from "./flow-message.ts";
import { type MakeBucket, RateBuckets, valueOf } from "./rate-buckets.ts";
import type { Bucket } from "./token-bucket.ts";
import type { BucketValue, Waiting } from "./waiting.ts";

type By = "type" | "key" | "tenant" | ((message: FlowMessage) => string | undefined);

/** The bucket of a rate that does not tell messages apart. */
const all: BucketValue = Object.freeze({ value: undefined });

/** See the head of this file; made anew by every change. */
export class FlowRules {
  /** Whether messages simply go in their order. */
  readonly isPlain: boolean;
  readonly order: QueueOrder;
  readonly coalesce: CoalesceRule | undefined;
  readonly rates: readonly RateBuckets[];
  /** What failed last, for people. */
  trouble: string | undefined;
  readonly #fairBy: By | undefined;
  /** Whether a rate tells messages apart. */
  readonly #hasValues: boolean;
  /** What all messages need where no rate does; undefined: there are no rates. */
  readonly #sameValues: readonly BucketValue[] | undefined;
  #sameBuckets: readonly Bucket[] | undefined;
  readonly #clock: Clock;
  #fetches = 0;
  /** When the newest message of each log was stored that came; wall ms. */
  readonly #storedAtMs = priorities.map(() => Number.NEGATIVE_INFINITY);

  /** Rates that `before` had keep their buckets. */
  constructor(options: FlowOptions, clock: Clock, makeBucket: MakeBucket, before?: FlowRules) {
    const { rates = [], fairness, priorityAgeing } = options;
    this.#clock = clock;
    this.rates = rates.map((rate) => {
      const known = before?.rates.find((each) => each.rate === rate);
      return known ?? new RateBuckets(rate, makeBucket);
    });
    this.#hasValues = rates.some(({ by }) => by !== undefined);
    this.#sameValues = rates.length === 0 ? undefined : rates.map(() => all);
    this.coalesce = coalesceRuleOf(options);
    this.#fairBy = fairness === undefined ? undefined : (fairness.by ?? "tenant");
    const weights = new Map(Object.entries(fairness?.weights ?? {}));
    this.order = {
      wallMs: () => clock.wallMs(),
      ageing: priorityAgeing && { every: 2, ...priorityAgeing },
      weightOf: fairness && ((tenant) => weights.get(tenant ?? "") ?? 1),
    };
    this.isPlain = rates.length === 0 && fairness === undefined && priorityAgeing === undefined;
  }

  /** Notes what the rules say of a message. */
  classify(waiting: Waiting): void {
    const { batch, position } = waiting;
    waiting.wasReleased = false;
    waiting.values = this.#sameValues;
    if (this.#fairBy === undefined && !this.#hasValues) return;
    const record = batch.recordAt(position);
    const isByTenant = this.#fairBy === "tenant" && batch.stored.textAttributeAt !== undefined;
    if (isByTenant) waiting.tenant = batch.stored.textAttributeAt?.(record, "tenant");
    if (isByTenant && !this.#hasValues) return;
    const message = new StoredFlowMessage(batch.stored, record);
    if (!isByTenant) {
      waiting.tenant = this.#fairBy && this.valueOf("fairness", this.#fairBy, message);
    }
    if (this.#hasValues) waiting.values = this.#valuesOf(message);
  }

  #valuesOf(message: FlowMessage): readonly BucketValue[] {
    return this.rates.map(({ rate: { by } }, index): BucketValue => {
      if (by === undefined) return all;
      const value = this.valueOf(`rate ${index + 1}`, by, message);
      return value === undefined ? undefined : { value };
    });
  }

  /** What a rule tells messages apart by; undefined also where it fails. */
  valueOf(rule: string, by: By, message: FlowMessage): string | undefined {
    try {
      return valueOf(by, message);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.trouble = `flow control: the function of ${rule} failed and does not count: ${text}`;
      return undefined;
    }
  }

  /** The buckets that a message needs. */
  bucketsOf(values: readonly BucketValue[], nowMs: number): readonly Bucket[] {
    if (values === this.#sameValues && this.#sameBuckets !== undefined) return this.#sameBuckets;
    const buckets: Bucket[] = [];
    for (let index = 0; index < this.rates.length; index++) {
      const needed = values[index];
      if (needed !== undefined) {
        buckets.push((this.rates[index] as RateBuckets).of(needed.value, nowMs));
      }
    }
    // A rate has one bucket for all then, which is never forgotten.
    if (values === this.#sameValues) this.#sameBuckets = buckets;
    return buckets;
  }

  /** Which rate a bucket of a message is of; counts from 0. */
  rateOf({ values }: Waiting, bucket: Bucket, nowMs: number): number {
    return this.rates.findIndex((rate, index) => {
      const needed = values?.[index];
      return needed !== undefined && rate.of(needed.value, nowMs) === bucket;
    });
  }

  /** A batch came. */
  received({ lane, stored }: WindowBatch): void {
    this.#storedAtMs[lane] = stored.appendedAtMs;
  }

  /** The log that is to be asked first this time: a lower one that may have overdue messages. */
  fetchFirst(): Priority | undefined {
    const { ageing } = this.order;
    if (ageing === undefined || ++this.#fetches % ageing.every !== 0) return undefined;
    const lane = 1 + (Math.floor(this.#fetches / ageing.every) % (priorities.length - 1));
    const isYoung = this.#clock.wallMs() - (this.#storedAtMs[lane] as number) < ageing.afterMs;
    return isYoung ? undefined : priorities[lane];
  }
}
