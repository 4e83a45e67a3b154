// Trials: scenarios that hold the product against a bound of its own, not against a bare loop. What
// a trial is asked and what it answers.

/** What a trial may be told on the command line. */
export interface TrialOptions {
  /** How long each measured phase takes; undefined: as long as the trial says. */
  readonly seconds: number | undefined;
  /** How often each side runs, where sides are compared. */
  readonly rounds: number;
  /** Messages, where the trial stores some first. */
  readonly messages: number | undefined;
  /** Size of the directory, where that is what matters. */
  readonly gibibytes: number;
  /** When a trial that waits for something gives up; undefined: its own limit. */
  readonly limitSeconds: number | undefined;
  /** A line for whoever waits. */
  readonly progress: (line: string) => void;
}

/** One figure that has a bound. */
export type Bound = { readonly name: string; readonly value: number } & (
  | { readonly max: number }
  | { readonly min: number }
);

/** What a trial found. */
export interface TrialReport {
  /** Everything measured, by name; the unit is the end of the name. */
  readonly figures: Readonly<Record<string, number>>;
  readonly bounds: readonly Bound[];
  /** Distributions to print and to draw. */
  readonly distributions: readonly Distribution[];
}

/** How long something took, each time. */
export interface Distribution {
  readonly name: string;
  readonly histogram: Histogram;
}

/** A scenario with a bound of its own. */
export interface Trial {
  readonly description: string;
  /** What its figures are held against. */
  readonly baseline: string;
  readonly run: (options: TrialOptions) => Promise<TrialReport>;
}

/** How long a phase takes where nobody says. */
export const phaseSeconds = 30;

/** Durations in logarithmic classes, ten to a power of two: exact to 7 %, plain data. */
export interface Histogram {
  count: number;
  maxMs: number;
  readonly classes: number[];
}

const firstMs = 0.001;
const classesPerDoubling = 10;

/** A histogram of nothing. */
export function emptyHistogram(): Histogram {
  return { count: 0, maxMs: 0, classes: [] };
}

/** Adds a duration, `times` times. */
export function record(histogram: Histogram, durationMs: number, times = 1): void {
  const ratio = Math.max(1, durationMs / firstMs);
  const index = Math.floor(Math.log2(ratio) * classesPerDoubling);
  const { classes } = histogram;
  while (classes.length <= index) classes.push(0);
  classes[index] = (classes[index] as number) + times;
  histogram.count += times;
  histogram.maxMs = Math.max(histogram.maxMs, durationMs);
}

/** The duration that a share of all stay below. */
export function percentile(histogram: Histogram, share: number): number {
  let left = histogram.count * share;
  for (const [index, count] of histogram.classes.entries()) {
    left -= count;
    if (left <= 0) return Math.min(upperMs(index), histogram.maxMs);
  }
  return histogram.maxMs;
}

/** Where a class ends. */
export function upperMs(index: number): number {
  return firstMs * 2 ** ((index + 1) / classesPerDoubling);
}

/** The disk's own write and sync, named. */
export function diskFigures(fsync: {
  readonly p50Ms: number;
  readonly p99Ms: number;
}): Record<string, number> {
  const [fsyncP50Ms, fsyncP99Ms] = [rounded(fsync.p50Ms, 3), rounded(fsync.p99Ms, 3)];
  return { fsyncP50Ms, fsyncP99Ms };
}

/** A figure as it is reported. */
export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** p50, p99, p999 and the longest, named. */
export function percentilesOf(name: string, histogram: Histogram): Record<string, number> {
  const short = (value: number): number => rounded(value, value < 1 ? 3 : 2);
  return {
    [`${name}P50Ms`]: short(percentile(histogram, 0.5)),
    [`${name}P99Ms`]: short(percentile(histogram, 0.99)),
    [`${name}P999Ms`]: short(percentile(histogram, 0.999)),
    [`${name}MaxMs`]: short(histogram.maxMs),
  };
}
