// One token bucket, as the time at which it is full again: a call moves that time on by what one
// token takes to come, and may be made as long as it is no further away than a whole burst. Knows
// nothing of messages or timers. Always true: in any time T at most burst + perSecond × T calls are
// allowed; a bucket that is full holds nothing that could be forgotten.

/** What messages wait for. */
export interface Bucket {
  /** What it counts: a type, a key …; undefined: all messages. */
  readonly value: string | undefined;
  /** Messages that wait for a token. */
  waiting: number;
  mayTake(nowMs: number): boolean;
  /** Takes a token; what to give back where it is not needed. */
  take(nowMs: number): number;
  giveBack(token: number): void;
  /** Tokens that are there. */
  available(nowMs: number): number;
  /** When the `count`-th token is there; infinite: not known, somebody tells. */
  availableAtMs(count: number, nowMs: number): number;
  /** Whether it is as good as new. */
  isFull(nowMs: number): boolean;
}

/** Timers may fire by so much too early. */
const toleranceMs = 1e-6;

/** A bucket of this process alone. */
export class TokenBucket implements Bucket {
  readonly value: string | undefined;
  waiting = 0;
  readonly #tokenMs: number;
  readonly #burstMs: number;
  #fullAtMs = Number.NEGATIVE_INFINITY;

  constructor(rate: { readonly perSecond: number; readonly burst: number }, value?: string) {
    this.value = value;
    this.#tokenMs = 1_000 / rate.perSecond;
    this.#burstMs = rate.burst * this.#tokenMs;
  }

  mayTake(nowMs: number): boolean {
    return this.availableAtMs(1, nowMs) <= nowMs + toleranceMs;
  }

  take(nowMs: number): number {
    this.#fullAtMs = Math.max(this.#fullAtMs, nowMs) + this.#tokenMs;
    return nowMs;
  }

  giveBack(): void {
    this.#fullAtMs -= this.#tokenMs;
  }

  available(nowMs: number): number {
    const missingMs = Math.max(0, this.#fullAtMs - nowMs);
    return Math.floor((this.#burstMs - missingMs + toleranceMs) / this.#tokenMs);
  }

  availableAtMs(count: number, nowMs: number): number {
    return Math.max(this.#fullAtMs, nowMs) + count * this.#tokenMs - this.#burstMs;
  }

  isFull(nowMs: number): boolean {
    return this.#fullAtMs <= nowMs;
  }
}
