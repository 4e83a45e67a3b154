// Things that become due, and the one timer that waits for the earliest. Due times are given in
// wall time and kept in monotonic time: a correction of the wall clock moves nothing that waits
// already.
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { DueHeap } from "./due-heap.ts";

/** Calls back with each item when it is due. */
export class DueQueue<Item> {
  readonly #clock: Clock;
  readonly #onDue: (item: Item) => void;
  readonly #heap = new DueHeap<Item>();
  #cancelTimer: CancelTimer | undefined;
  #timerMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onDue: (item: Item) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Adds an item that is due at the wall time `dueAtMs`; never calls back at once. */
  add(item: Item, dueAtMs: number): void {
    const waitMs = Math.max(0, dueAtMs - this.#clock.wallMs());
    this.#heap.push(this.#clock.monotonicMs() + waitMs, item);
    this.#setTimer();
  }

  /** Forgets everything. */
  clear(): void {
    this.#heap.clear();
    this.#cancelTimer?.();
    this.#timerMs = Number.POSITIVE_INFINITY;
  }

  #setTimer(): void {
    const firstMs = this.#heap.firstDueMs;
    if (firstMs === undefined || firstMs >= this.#timerMs) return;
    this.#cancelTimer?.();
    this.#timerMs = firstMs;
    const delayMs = Math.max(0, firstMs - this.#clock.monotonicMs());
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#timerMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonicMs();
    for (let item = this.#heap.popDue(nowMs); item !== undefined; item = this.#heap.popDue(nowMs)) {
      this.#onDue(item);
    }
    this.#setTimer();
  }
}
