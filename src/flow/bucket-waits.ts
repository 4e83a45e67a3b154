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

/** Who waits for one bucket, and when it is looked at next; other places in the heap are void. */
interface Queue {
  readonly waiting: FairQueue;
  dueMs: number;
}

/** See the head of this file. */
export class BucketWaits {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  readonly #queues = new Map<Bucket, Queue>();
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
      queue = { waiting: new FairQueue(order), dueMs: Number.POSITIVE_INFINITY };
      this.#queues.set(bucket, queue);
      this.#push(bucket, queue, bucket.availableAtMs(1, this.#clock.monotonicMs()));
    }
    queue.waiting.add(waiting, waiting.wasReleased ? "before" : "behind");
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
      if (queue !== undefined && queue.dueMs <= nowMs)
        this.#releaseOf(bucket, queue, released, nowMs);
    }
  }

  #releaseOf(bucket: Bucket, queue: Queue, released: Waiting[], nowMs: number): void {
    const available = bucket.available(nowMs);
    // One in any case: what it finds missing, it asks for.
    for (let found = 0; found < Math.max(1, available); ) {
      const waiting = queue.waiting.take();
      if (waiting === undefined) break;
      bucket.waiting--;
      if (waiting.isRetracted) continue;
      waiting.wasReleased = true;
      released.push(waiting);
      found++;
    }
    if (queue.waiting.size === 0) this.#queues.delete(bucket);
    else {
      const nextMs = bucket.availableAtMs(available + 1, nowMs);
      this.#push(bucket, queue, Math.max(nextMs, nowMs + releaseMsMin));
    }
  }

  #push(bucket: Bucket, queue: Queue, dueMs: number): void {
    queue.dueMs = dueMs;
    if (dueMs < Number.POSITIVE_INFINITY) this.#due.push(dueMs, bucket);
  }

  /** There are tokens that were not there before. */
  available(bucket: Bucket): void {
    const queue = this.#queues.get(bucket);
    if (queue === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    const dueMs = Math.max(nowMs, bucket.availableAtMs(1, nowMs));
    if (dueMs < queue.dueMs) this.#push(bucket, queue, dueMs);
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
      all.push(...queue.waiting.drain());
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
      for (const waiting of queue.waiting) {
        if (waiting.batch === batch && waiting.position === position) return { bucket, waiting };
      }
    }
    return undefined;
  }

  *[Symbol.iterator](): Generator<Waiting> {
    for (const queue of this.#queues.values()) yield* queue.waiting;
  }
}
