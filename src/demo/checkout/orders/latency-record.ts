// How long customers waited: in the last seconds, for the live view, and over the whole run. Always
// true: it holds at most a fixed number of single values.
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Median and 99th percentile in ms; 0 where nothing was recorded. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** What counts as recent. */
const recentMs = 5_000;
/** Single values that are kept at most. */
export const recentMax = 8_192;

/** Records waiting times. */
export class LatencyRecord {
  readonly #recent: { readonly atMs: number; readonly ms: number }[] = [];
  readonly #all: RecordableHistogram = createHistogram();

  /** Records one. */
  add(atMs: number, ms: number): void {
    // The histogram takes whole numbers above zero: microseconds.
    this.#all.record(Math.max(1, Math.round(ms * 1_000)));
    this.#recent.push({ atMs, ms });
    if (this.#recent.length > recentMax) this.#recent.shift();
  }

  /** Of the last seconds. */
  recent(nowMs: number): Percentiles {
    const values = this.#recent.filter(({ atMs }) => atMs >= nowMs - recentMs);
    const sorted = values.map(({ ms }) => ms).sort((left, right) => left - right);
    const at = (share: number): number => {
      return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    };
    return { p50: at(0.5), p99: at(0.99) };
  }

  /** Of the whole run. */
  overall(): Percentiles {
    if (this.#all.count === 0) return { p50: 0, p99: 0 };
    return { p50: this.#all.percentile(50) / 1_000, p99: this.#all.percentile(99) / 1_000 };
  }
}
