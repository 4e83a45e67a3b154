// Deadlines of much that is mostly over before they come: a heap from which anything can be taken
// out, and one timer for all of it. Knows nothing of requests. Always true: at most one timer is
// set; a little after the last item is gone, none is.
import type { CancelTimer, Clock } from "../kernel/clock.ts";

/** Something with a deadline; in at most one heap. */
export interface Timed {
  /** Monotonic ms. */
  readonly dueMs: number;
  /** Its place in the heap; −1: not in it. Only the heap changes it. */
  place: number;
}

/** Items by deadline. */
export class Deadlines<Item extends Timed> {
  readonly #clock: Clock;
  readonly #onDue: (item: Item) => void;
  readonly #heap: Item[] = [];
  #cancel: CancelTimer | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
  #isLookPlanned = false;

  /** `onDue` is called for each item whose deadline has come, after it was taken out. */
  constructor(clock: Clock, onDue: (item: Item) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Adds an item. */
  add(item: Item): void {
    this.#heap.push(item);
    this.#rise(item, this.#heap.length - 1);
    if (item.dueMs < this.#timerMs) this.#arm();
  }

  /** Takes an item out; does nothing where it is not in. */
  remove(item: Item): void {
    const { place } = item;
    if (place < 0) return;
    item.place = -1;
    const last = this.#heap.pop() as Item;
    if (last !== item) {
      this.#rise(last, place);
      this.#sink(last, last.place);
    }
    if (this.#heap.length === 0) this.#planLook();
  }

  /** Cancels the timer; nothing is due any more. */
  close(): void {
    this.#disarm();
  }

  /**
   * The timer of an empty heap is let go after this turn: a caller that asks again at once, again
   * and again, needs neither a new one nor this one's cancellation.
   */
  #planLook(): void {
    if (this.#isLookPlanned || this.#cancel === undefined) return;
    this.#isLookPlanned = true;
    this.#clock.soon(() => {
      this.#isLookPlanned = false;
      if (this.#heap.length === 0) this.#disarm();
    });
  }

  #arm(): void {
    this.#disarm();
    const first = this.#heap[0];
    if (first === undefined) return;
    this.#timerMs = first.dueMs;
    const delayMs = Math.max(0, first.dueMs - this.#clock.monotonicMs());
    this.#cancel = this.#clock.after(delayMs, () => this.#fire());
  }

  #disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#timerMs = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#disarm();
    const nowMs = this.#clock.monotonicMs();
    for (let first = this.#heap[0]; first !== undefined && first.dueMs <= nowMs; ) {
      this.remove(first);
      this.#onDue(first);
      first = this.#heap[0];
    }
    if (this.#cancel === undefined) this.#arm();
  }

  #rise(item: Item, from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = heap[(at - 1) >> 1] as Item;
      if (parent.dueMs <= item.dueMs) break;
      this.#put(parent, at);
      at = (at - 1) >> 1;
    }
    this.#put(item, at);
  }

  #sink(item: Item, from: number): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      let child = heap[left];
      if (child === undefined) break;
      const right = heap[left + 1];
      if (right !== undefined && right.dueMs < child.dueMs) child = right;
      if (child.dueMs >= item.dueMs) break;
      const { place } = child;
      this.#put(child, at);
      at = place;
    }
    this.#put(item, at);
  }

  #put(item: Item, at: number): void {
    this.#heap[at] = item;
    item.place = at;
  }
}
