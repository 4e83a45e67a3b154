// How long messages took lately, in classes that grow by a tenth: two generations, so that what is
// old is forgotten in one go. Its memory is fixed. Always true: a percentile is the upper end of
// the class that holds it, so it is too high by a tenth at most.

/** How long one generation gathers. */
export const generationMs = 5_000;
const classesMax = 240;
const growth = Math.log(1.1);

/** See the head of this file. */
export class LatencyWindow {
  #now = new Uint32Array(classesMax);
  #before = new Uint32Array(classesMax);
  #count = 0;
  #countBefore = 0;
  #sinceMs: number;

  constructor(atMs: number) {
    this.#sinceMs = atMs;
  }

  /** Notes one. */
  record(latencyMs: number): void {
    const index = Math.ceil(Math.log(Math.max(1, latencyMs)) / growth);
    const place = Math.min(classesMax - 1, index);
    this.#now[place] = (this.#now[place] ?? 0) + 1;
    this.#count++;
  }

  /** Forgets what is old. */
  turn(atMs: number): void {
    if (atMs - this.#sinceMs < generationMs) return;
    const isLong = atMs - this.#sinceMs >= 2 * generationMs;
    [this.#before, this.#now] = [this.#now, this.#before];
    this.#now.fill(0);
    if (isLong) this.#before.fill(0);
    this.#countBefore = isLong ? 0 : this.#count;
    this.#count = 0;
    this.#sinceMs = atMs;
  }

  /** The duration within which this share of all stayed; undefined: there were none. */
  within(share: number): number | undefined {
    const total = this.#count + this.#countBefore;
    if (total === 0) return undefined;
    let left = Math.ceil(share * total);
    for (let index = 0; index < classesMax; index++) {
      left -= (this.#now[index] ?? 0) + (this.#before[index] ?? 0);
      if (left <= 0) return Math.exp(index * growth);
    }
    return Math.exp((classesMax - 1) * growth);
  }
}
