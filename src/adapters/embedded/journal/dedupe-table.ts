// Which ids were stored lately, and where: fingerprints of 64 bits in open-addressing tables of
// typed arrays, in generations that are dropped as a whole. A hit is only a hint: the caller
// confirms it against the stored batch. Always true: it remembers what was added within the
// window, by time and by count, and at most half a window more.

/** Words of one slot: two of the fingerprint, and the record's number plus one (0: empty). */
const slotWords = 3;
const firstSlots = 1_024;
/** Slots are at most this full. */
const fullness = 0.6;

/** A place: log (lane 0, 1, 2) and base offset of a batch, or a timer's id (lane 3). */
export interface Place {
  readonly lane: number;
  readonly base: number;
}

/** Where a fingerprint was seen: a place and the record's index there. */
export interface Hit extends Place {
  readonly index: number;
}

/** The lane number that marks a timer's place. */
export const timerLane = 3;
const laneCount = 4;

class Generation {
  slots = new Uint32Array(firstSlots * slotWords);
  mask = firstSlots - 1;
  /** Fingerprints in it. */
  used = 0;
  /** Records of all places so far; each place is a run of record numbers. */
  records = 0;
  readonly firstRecords: number[] = [];
  readonly places: number[] = [];
  readonly startedAtMs: number;
  newestAtMs: number;

  constructor(atMs: number) {
    this.startedAtMs = atMs;
    this.newestAtMs = atMs;
  }

  put(first: number, second: number, record: number): void {
    if (this.used >= (this.mask + 1) * fullness) this.#grow();
    this.#place(first, second, record + 1);
    this.used++;
  }

  find(first: number, second: number, hits: Hit[]): void {
    const { slots, mask } = this;
    for (let slot = first & mask; ; slot = (slot + 1) & mask) {
      const at = slot * slotWords;
      const record = slots[at + 2] as number;
      if (record === 0) return;
      if (slots[at] === first && slots[at + 1] === second) hits.push(this.#locate(record - 1));
    }
  }

  #locate(record: number): Hit {
    let low = 0;
    let high = this.firstRecords.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.firstRecords[middle] as number) <= record) low = middle;
      else high = middle - 1;
    }
    const place = this.places[low] as number;
    const lane = place % laneCount;
    const index = record - (this.firstRecords[low] as number);
    return { lane, base: (place - lane) / laneCount, index };
  }

  #grow(): void {
    const old = this.slots;
    const slots = (this.mask + 1) * 2;
    this.slots = new Uint32Array(slots * slotWords);
    this.mask = slots - 1;
    for (let at = 0; at < old.length; at += slotWords) {
      const record = old[at + 2] as number;
      if (record !== 0) this.#place(old[at] as number, old[at + 1] as number, record);
    }
  }

  #place(first: number, second: number, record: number): void {
    const { slots, mask } = this;
    let slot = first & mask;
    while (slots[slot * slotWords + 2] !== 0) slot = (slot + 1) & mask;
    const at = slot * slotWords;
    slots[at] = first;
    slots[at + 1] = second;
    slots[at + 2] = record;
  }
}

/** The fingerprints of one channel. */
export class FingerprintTable {
  readonly #windowMs: number;
  readonly #countMax: number;
  readonly #seed: number;
  /** Oldest first. */
  readonly #generations: Generation[] = [];
  #current: Generation | undefined;
  #first = 0;
  #second = 0;

  constructor(windowMs: number, countMax: number, seed: number) {
    this.#windowMs = windowMs;
    this.#countMax = countMax;
    this.#seed = seed;
  }

  /** Fingerprints remembered. */
  get count(): number {
    return this.#generations.reduce((sum, generation) => sum + generation.used, 0);
  }

  /** When the latest of its places was stored. */
  get newestAtMs(): number {
    return this.#generations.reduce((latest, { newestAtMs }) => Math.max(latest, newestAtMs), 0);
  }

  /**
   * The records added from now on stand at this place, stored at `atMs`; forgets what is too
   * old.
   */
  startPlace(place: Place, atMs: number): void {
    const current = this.#generationAt(atMs);
    current.firstRecords.push(current.records);
    current.places.push(place.base * laneCount + place.lane);
    if (atMs > current.newestAtMs) current.newestAtMs = atMs;
    this.#current = current;
  }

  /** The place has `records` records; the next one follows behind them. */
  endPlace(records: number): void {
    if (this.#current !== undefined) this.#current.records += records;
  }

  /** Computes the fingerprint of the id in these four words, for find() and add(). */
  take(words: Uint32Array, at: number): void {
    const a = words[at] as number;
    const b = words[at + 1] as number;
    const c = words[at + 2] as number;
    const d = words[at + 3] as number;
    let first = Math.imul(a ^ this.#seed, 0x9e3779b1);
    first = Math.imul((first ^ (first >>> 15)) + b, 0x85ebca77);
    first = Math.imul((first ^ (first >>> 13)) + c, 0xc2b2ae3d);
    first = Math.imul((first ^ (first >>> 16)) + d, 0x27d4eb2f);
    this.#first = (first ^ (first >>> 15)) >>> 0;
    let second = Math.imul(d + this.#seed, 0xcc9e2d51);
    second = Math.imul((second ^ (second >>> 14)) + c, 0x1b873593);
    second = Math.imul((second ^ (second >>> 17)) + b, 0xe6546b64);
    second = Math.imul((second ^ (second >>> 13)) + a, 0x85ebca6b);
    this.#second = (second ^ (second >>> 16)) >>> 0;
  }

  /** Adds every place where the taken fingerprint was seen, the oldest first. */
  find(hits: Hit[]): void {
    for (const generation of this.#generations) generation.find(this.#first, this.#second, hits);
  }

  /** Remembers the taken fingerprint as record `index` of the started place. */
  add(index: number): void {
    const current = this.#current as Generation;
    current.put(this.#first, this.#second, current.records + index);
  }

  #generationAt(atMs: number): Generation {
    let total = this.count;
    const generations = this.#generations;
    for (let oldest = generations[0]; oldest !== undefined; oldest = generations[0]) {
      const tooOld = oldest.newestAtMs < atMs - this.#windowMs;
      if (!tooOld && total - oldest.used < this.#countMax) break;
      generations.shift();
      total -= oldest.used;
    }
    const last = generations.at(-1);
    const usable =
      last !== undefined &&
      last.used < this.#countMax / 2 &&
      atMs - last.startedAtMs < Math.max(this.#windowMs / 2, 1);
    if (usable) return last;
    const fresh = new Generation(atMs);
    generations.push(fresh);
    return fresh;
  }
}
