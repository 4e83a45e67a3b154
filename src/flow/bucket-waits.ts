// Messages that wait for a token: a queue for each bucket, and one timer for all. Knows nothing of
// what starts. Always true: a bucket for which somebody waits is in the heap of what becomes due,
// or will tell by itself; as many messages are let go as there are tokens.
import { DueHeap } from "../delivery/due-heap.ts";
import type { WindowPlace } from "../delivery/window.ts";
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { FairQueue, type QueueOrder } from "./fair-queue.ts";
import type { Bucket } from "./token-bucket.ts";
import type { Waiting } from "./waiting.ts";

/** So that a bucket whose released messages start nothing is not asked on and on. */
const releaseMsMin = 1;

/** See the head of this file. */
export class BucketWaits {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  readonly #queues = new Map<Bucket, FairQueue>();
  readonly #due = new DueHeap<Bucket>();
  #cancelTimer: CancelTimer | undefined;
  #timerMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Buckets for which somebody waits. */
  get size(): number {
    return this.#queues.size;
  }

  /** The message waits for this bucket. */
  add(waiting: Waiting, bucket: Bucket, order: QueueOrder): void {
    let queue = this.#queues.get(bucket);
    if (queue === undefined) {
      queue = new FairQueue(order);
      this.#queues.set(bucket, queue);
      this.#push(bucket, bucket.availableAtMs(1, this.#clock.monotonicMs()));
    }
    queue.add(waiting, waiting.wasReleased ? "before" : "behind");
    waiting.wasReleased = false;
    bucket.waiting++;
  }

  /** As many messages as their buckets have tokens for, the first ones first. */
  release(): Waiting[] {
    const released: Waiting[] = [];
    if (this.#due.size === 0) return released;
    const nowMs = this.#clock.monotonicMs();
    for (;;) {
      const bucket = this.#due.popDue(nowMs);
      if (bucket === undefined) return released;
      const queue = this.#queues.get(bucket);
      if (queue !== undefined) this.#releaseOf(bucket, queue, released, nowMs);
    }
  }

  #releaseOf(bucket: Bucket, queue: FairQueue, released: Waiting[], nowMs: number): void {
    const count = Math.max(1, bucket.available(nowMs));
    for (let found = 0; found < count; ) {
      const waiting = queue.take();
      if (waiting === undefined) break;
      bucket.waiting--;
      if (waiting.isRetracted) continue;
      waiting.wasReleased = true;
      released.push(waiting);
      found++;
    }
    if (queue.size === 0) this.#queues.delete(bucket);
    else {
      const nextMs = bucket.availableAtMs(count + 1, nowMs);
      this.#push(bucket, Math.max(nextMs, nowMs + releaseMsMin));
    }
  }

  #push(bucket: Bucket, dueMs: number): void {
    if (dueMs < Number.POSITIVE_INFINITY) this.#due.push(dueMs, bucket);
  }

  /** A token may be there by now. */
  available(bucket: Bucket): void {
    if (!this.#queues.has(bucket)) return;
    this.#due.push(this.#clock.monotonicMs(), bucket);
    this.#onDue();
  }

  /** Waits for the first token. */
  setTimer(): void {
    const firstMs = this.#due.firstDueMs ?? Number.POSITIVE_INFINITY;
    if (firstMs >= this.#timerMs) return;
    this.#cancelTimer?.();
    this.#timerMs = firstMs;
    const delayMs = Math.max(0, firstMs - this.#clock.monotonicMs());
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#timerMs = Number.POSITIVE_INFINITY;
      this.#onDue();
    });
  }

  /** Takes everything out. */
  clear(): Waiting[] {
    const all: Waiting[] = [];
    for (const [bucket, queue] of this.#queues) {
      bucket.waiting = 0;
      all.push(...queue);
    }
    this.#queues.clear();
    this.#due.clear();
    this.#cancelTimer?.();
    this.#timerMs = Number.POSITIVE_INFINITY;
    return all;
  }

  /** The bucket for which a message waits. */
  bucketOf({
    batch,
    position,
  }: WindowPlace): { readonly bucket: Bucket; readonly waiting: Waiting } | undefined {
    for (const [bucket, queue] of this.#queues) {
      for (const waiting of queue) {
        if (waiting.batch === batch && waiting.position === position) return { bucket, waiting };
      }
    }
    return undefined;
  }

  *[Symbol.iterator](): Generator<Waiting> {
    for (const queue of this.#queues.values()) yield* queue;
  }
}
