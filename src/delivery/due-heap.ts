// A binary heap of what becomes due, earliest first; equal times in order of arrival. Knows nothing
// of messages or clocks.

interface Entry<Item> {
  readonly dueMs: number;
  readonly order: number;
  readonly item: Item;
}

/** Items by due time. */
export class DueHeap<Item> {
  #entries: Entry<Item>[] = [];
  #orders = 0;

  /** Items in the heap. */
  get size(): number {
    return this.#entries.length;
  }

  /** When the first item is due; undefined when there is none. */
  get firstDueMs(): number | undefined {
    return this.#entries[0]?.dueMs;
  }

  /** Adds an item. */
  push(dueMs: number, item: Item): void {
    const entries = this.#entries;
    let at = entries.length;
    const entry: Entry<Item> = { dueMs, order: this.#orders++, item };
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, entries[parent] as Entry<Item>)) break;
      entries[at] = entries[parent] as Entry<Item>;
      at = parent;
    }
    entries[at] = entry;
  }

  /** Removes and gives the first item if it is due at `nowMs`. */
  popDue(nowMs: number): Item | undefined {
    const entries = this.#entries;
    const first = entries[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    const last = entries.pop() as Entry<Item>;
    if (entries.length > 0) this.#sink(last);
    return first.item;
  }

  /** Removes everything. */
  clear(): void {
    this.#entries = [];
  }

  /** Puts an entry where the first one was, and moves it down to its place. */
  #sink(entry: Entry<Item>): void {
    const entries = this.#entries;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = entries[child];
      if (left === undefined) break;
      const right = entries[child + 1];
      if (right !== undefined && isBefore(right, left)) child++;
      const smaller = entries[child] as Entry<Item>;
      if (!isBefore(smaller, entry)) break;
      entries[at] = smaller;
      at = child;
    }
    entries[at] = entry;
  }
}

function isBefore<Item>(left: Entry<Item>, right: Entry<Item>): boolean {
  return left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.order < right.order);
}
