// A bucket whose tokens all processes share: holds the few that this one leased, and asks for more
// where messages wait. Knows nothing of rows or transports. Always true: a token is used within
// `heldMs` of its time or not at all; no more are asked for than messages wait, nor, after some
// were left over, than were of use the last time.
import type { RateLimit } from "../rate-limit.ts";
import type { Bucket } from "../token-bucket.ts";
import { type LeaseTerms, termsOf } from "./lease.ts";

/** Timers may fire by so much too early. */
const toleranceMs = 1e-6;
/** A wall clock tells whole milliseconds: a token's time may be off by so much. */
const clockStepMs = 1;

/** What a bucket asks. */
export interface SharedBucketHost {
  /** It needs tokens; answered by granted(), later. */
  ask(bucket: SharedBucket): void;
  /** Tokens came. */
  tell(bucket: SharedBucket): void;
}

/** See the head of this file. */
export class SharedBucket implements Bucket {
  readonly value: string | undefined;
  /** The shared rate's name. */
  readonly name: string;
  /** Its row in the table of that name, and both together. */
  readonly key: string;
  readonly id: string;
  readonly terms: LeaseTerms;
  waiting = 0;
  /** Whether it was asked for, and not answered. */
  isAsking = false;
  readonly #host: SharedBucketHost;
  readonly #usableMs: number;
  /** When each token that it holds can be used, monotonic ms, ascending. */
  #tokensMs: number[] = [];
  #lot = 1;
  /** Of what was granted last. */
  #used = 0;
  #hasLapsed = false;

  constructor(rate: RateLimit, value: string | undefined, name: string, host: SharedBucketHost) {
    this.value = value;
    this.name = name;
    this.key = JSON.stringify(value) ?? "all";
    this.id = `${name} ${this.key}`;
    this.terms = termsOf(rate);
    this.#usableMs = Math.max(this.terms.heldMs - clockStepMs, this.terms.heldMs / 2);
    this.#host = host;
  }

  mayTake(nowMs: number): boolean {
    return this.availableAtMs(1, nowMs) <= nowMs + toleranceMs;
  }

  take(nowMs: number): number {
    this.#drop(nowMs);
    const tokenMs = this.#tokensMs.shift() ?? Number.NEGATIVE_INFINITY;
    this.#used++;
    // In time, so that the next ones are there when these are used up.
    if (this.#tokensMs.length <= this.#lot / 2 && this.waiting > this.#tokensMs.length) {
      this.#ask();
    }
    return tokenMs;
  }

  giveBack(tokenMs: number): void {
    const later = this.#tokensMs.findIndex((each) => each > tokenMs);
    this.#tokensMs.splice(later < 0 ? this.#tokensMs.length : later, 0, tokenMs);
    this.#used--;
  }

  available(nowMs: number): number {
    this.#drop(nowMs);
    const later = this.#tokensMs.findIndex((each) => each > nowMs + toleranceMs);
    return later < 0 ? this.#tokensMs.length : later;
  }

  availableAtMs(count: number, nowMs: number): number {
    this.#drop(nowMs);
    const tokenMs = this.#tokensMs[count - 1];
    if (tokenMs !== undefined) return tokenMs;
    this.#ask();
    return Number.POSITIVE_INFINITY;
  }

  isFull(nowMs: number): boolean {
    this.#drop(nowMs);
    return this.#tokensMs.length === 0 && !this.isAsking;
  }

  /** How many tokens it should be given now. */
  wanted(nowMs: number): number {
    this.#drop(nowMs);
    return Math.min(this.waiting - this.#tokensMs.length, this.#nextLot);
  }

  /** Tokens were leased for it, usable from these times on (monotonic ms); none: not now. */
  granted(tokensMs: readonly number[]): void {
    this.#lot = this.#nextLot;
    this.#used = 0;
    this.#hasLapsed = false;
    this.#tokensMs.push(...tokensMs);
    this.#host.tell(this);
  }

  get #nextLot(): number {
    if (this.#hasLapsed) return Math.max(1, this.#used);
    return Math.min(this.terms.lotMax, this.#lot * 2);
  }

  #ask(): void {
    if (!this.isAsking) this.#host.ask(this);
  }

  #drop(nowMs: number): void {
    const oldestMs = nowMs - this.#usableMs;
    while ((this.#tokensMs[0] ?? nowMs) < oldestMs) {
      this.#tokensMs.shift();
      this.#hasLapsed = true;
    }
  }
}
