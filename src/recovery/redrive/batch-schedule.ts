// How many letters the next batch of a redrive has: few at first, so that a fix that does not work
// costs little. Pure. Always true: the first batch has one letter, and no batch more than a rate
// allows in a second.

const sizes = [1, 2, 5, 20, 50, 100, 200, 500] as const;
/** Most bytes of data in a batch that has more than one letter. */
export const batchBytesMax = 4_194_304;

/** The size of batch `index`, counted from 0. */
export function batchSize(index: number, ratePerSecond: number | undefined): number {
  const size = sizes[Math.min(index, sizes.length - 1)] as number;
  return ratePerSecond === undefined
    ? size
    : Math.min(size, Math.max(1, Math.floor(ratePerSecond)));
}

/** How long a batch of `count` letters takes at that rate, in ms. */
export function batchSpanMs(count: number, ratePerSecond: number | undefined): number {
  return ratePerSecond === undefined ? 0 : (count / ratePerSecond) * 1_000;
}

/** Whether too many of a batch failed again. */
export function hasFailed(failed: number, resolved: number, failureShareMax: number): boolean {
  return failed > 0 && failed / (failed + resolved) > failureShareMax;
}
