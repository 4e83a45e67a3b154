// Ranges of a log that were judged and forgotten: of each there is a count and a digest, so that a
// later full read still shows whether it holds what it held. Knows no message. Always true: memory
// is a few numbers for each range of up to `rangeMax` messages.

/** Most messages of one range. */
const rangeMax = 1_024;

interface SealedRange {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly digest: string;
}

/** What a range shows: its messages in order of offsets. */
class RangeDigest {
  count = 0;
  #high = 0xdeadbeef;
  #low = 0x41c6ce57;

  add(offset: number, id: string, value: string | undefined): void {
    this.count++;
    const text = `${offset} ${id} ${value ?? ""}`;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      this.#high = Math.imul(this.#high ^ code, 2_654_435_761);
      this.#low = Math.imul(this.#low ^ code, 1_597_334_677);
    }
    this.#high = Math.imul(this.#high ^ (this.#low >>> 15), 2_246_822_507);
    this.#low = Math.imul(this.#low ^ (this.#high >>> 13), 3_266_489_909);
  }

  get text(): string {
    return `${this.#high >>> 0}-${this.#low >>> 0}`;
  }
}

/** A full read that contradicts an earlier one. */
export interface ChangedRange {
  readonly from: number;
  readonly to: number;
  readonly missing: number;
}

/** See the head of this file. */
export class SealedRanges {
  readonly #ranges: SealedRange[] = [];
  /** Of the full read under way: the sealed range it is in, and what it has shown of it. */
  #at = 0;
  #seen = new RangeDigest();
  #changed: ChangedRange[] = [];
  /** What it has shown behind the end. */
  #fresh: SealedRange[] = [];
  #freshFrom: number | undefined;
  #freshDigest = new RangeDigest();

  /** Everything before this offset is sealed. */
  get end(): number {
    return this.#ranges.at(-1)?.to ?? 0;
  }

  /** The full read comes to a message. */
  read(offset: number, id: string, value: string | undefined): void {
    if (offset >= this.end) return this.#readFresh(offset, id, value);
    while (offset >= (this.#ranges[this.#at]?.to ?? Number.POSITIVE_INFINITY)) this.#next();
    this.#seen.add(offset, id, value);
  }

  /**
   * The full read is over: the ranges that do not hold what they held. Those that it did not begin
   * with, or of which the log itself says that something is gone, are no such ranges.
   */
  finish(startOffset: number, isGone: (from: number, to: number) => boolean): ChangedRange[] {
    while (this.#at < this.#ranges.length) this.#next();
    this.#at = 0;
    const changed = this.#changed;
    this.#changed = [];
    return changed.filter(({ from, to }) => from >= startOffset && !isGone(from, to));
  }

  /** Seals what the full read has shown behind the end, of offsets from and up to these. */
  seal(startOffset: number, endOffset: number): void {
    const from = Math.max(this.end, startOffset);
    this.#endFresh(endOffset);
    const [first, ...more] = this.#fresh;
    if (first !== undefined) this.#ranges.push({ ...first, from }, ...more);
    else if (endOffset > from) {
      this.#ranges.push({ from, to: endOffset, count: 0, digest: new RangeDigest().text });
    }
    this.#fresh = [];
    this.#seen = new RangeDigest();
  }

  #readFresh(offset: number, id: string, value: string | undefined): void {
    if (this.#freshDigest.count === rangeMax) this.#endFresh(offset);
    this.#freshFrom ??= offset;
    this.#freshDigest.add(offset, id, value);
  }

  #endFresh(to: number): void {
    const from = this.#freshFrom;
    const { count } = this.#freshDigest;
    if (from !== undefined) this.#fresh.push({ from, to, count, digest: this.#freshDigest.text });
    this.#freshFrom = undefined;
    this.#freshDigest = new RangeDigest();
  }

  #next(): void {
    const range = this.#ranges[this.#at++];
    const seen = this.#seen;
    this.#seen = new RangeDigest();
    if (range === undefined || seen.text === range.digest) return;
    const { from, to, count } = range;
    this.#changed.push({ from, to, missing: count - seen.count });
  }
}
