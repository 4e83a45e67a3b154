// A list that is taken from at the front and added to at both ends. Always true: taking costs
// nothing that grows with its length.

/** Holes at the front at which the list is moved together. */
const holesMax = 1_024;

/** Items in order. */
export class Deque<Item> {
  #items: (Item | undefined)[] = [];
  #at = 0;

  get first(): Item | undefined {
    return this.#items[this.#at];
  }

  get length(): number {
    return this.#items.length - this.#at;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  unshift(item: Item): void {
    if (this.#at > 0) this.#items[--this.#at] = item;
    else this.#items.unshift(item);
  }

  shift(): Item | undefined {
    const item = this.#items[this.#at];
    if (item === undefined) return undefined;
    this.#items[this.#at++] = undefined;
    if (this.#at === this.#items.length) this.clear();
    else if (this.#at >= holesMax && this.#at * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#at);
      this.#at = 0;
    }
    return item;
  }

  /** Removes what `test` does not want. */
  keep(test: (item: Item) => boolean): void {
    this.#items = Array.from(this).filter(test);
    this.#at = 0;
  }

  clear(): void {
    this.#items = [];
    this.#at = 0;
  }

  *[Symbol.iterator](): Generator<Item> {
    for (let at = this.#at; at < this.#items.length; at++) yield this.#items[at] as Item;
  }
}
