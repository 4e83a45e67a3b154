// Maps and sets through which much passes while they stay small. A Map of the language links its
// outgrown tables to the ones after them, and a table keeps what it held when it was outgrown: once
// the collector has moved one such table among the old objects, everything that ever passes through
// the map is kept until the next full collection. Always true: here the chain is cut after as many
// deletions as there are entries, or a few; order is the order of insertion, as in a Map.

/** So many deletions cost less than a new table. */
const deletionsMin = 16;

/** A map that holds few entries for a short time each. */
export class PassingMap<Key, Value> {
  #map = new Map<Key, Value>();
  #deletions = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  has(key: Key): boolean {
    return this.#map.has(key);
  }

  set(key: Key, value: Value): void {
    this.#map.set(key, value);
  }

  /** Takes an entry out; false where there is none. */
  delete(key: Key): boolean {
    if (!this.#map.delete(key)) return false;
    if (++this.#deletions <= Math.max(deletionsMin, this.#map.size)) return true;
    this.#deletions = 0;
    this.#map = new Map(this.#map);
    return true;
  }

  /** Takes everything out. */
  clear(): void {
    this.#deletions = 0;
    this.#map = new Map();
  }

  /** The values as they are now, in the order of their keys' insertion. */
  values(): Iterable<Value> {
    return this.#map.values();
  }

  /** The entries as they are now. */
  [Symbol.iterator](): IterableIterator<[Key, Value]> {
    return this.#map[Symbol.iterator]();
  }
}

/** A set that holds few items for a short time each. */
export class PassingSet<Item> {
  readonly #items = new PassingMap<Item, Item>();

  get size(): number {
    return this.#items.size;
  }

  has(item: Item): boolean {
    return this.#items.has(item);
  }

  add(item: Item): void {
    this.#items.set(item, item);
  }

  /** Takes an item out; false where it is not in. */
  delete(item: Item): boolean {
    return this.#items.delete(item);
  }

  /** The items as they are now, in the order of insertion. */
  [Symbol.iterator](): Iterator<Item> {
    return this.#items.values()[Symbol.iterator]();
  }
}
