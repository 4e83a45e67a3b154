// The numbers of one side that are shown while the demo runs. For people only; the ledger uses none
// of them. Always true: it keeps a fixed number of samples.
import type { AnswerCounts } from "./orders/customers.ts";
import type { Percentiles } from "./orders/latency-record.ts";
import type { Side } from "./side.ts";
import type { SideName } from "./side-name.ts";

/** What is shown of a side. */
export interface SideView {
  readonly side: SideName;
  /** How long customers waited for their yes, in the last seconds. */
  readonly accept: Percentiles;
  readonly answers: AnswerCounts;
  /** Customers who wait for an answer. */
  readonly customersWaiting: number;
  /** Orders whose parcel is on its way. */
  readonly carriedOut: number;
  readonly goodputPerSecond: number;
  /** Parcels a second, one number for each second so far, the oldest first. */
  readonly goodputSeries: readonly number[];
  /** Calls and customers that got no answer in time. */
  readonly timeouts: number;
  readonly retries: number;
  /** What waits: requests in lines on the left, messages in the journal on the right. */
  readonly queueDepth: number;
  /** Told yes, and neither carried out nor waiting any more. */
  readonly lost: number;
  readonly doubled: number;
}

/** Seconds that a series covers at most. */
export const seriesMax = 120;
/** Rates are means over this time. */
const rateWindowMs = 2_000;

interface Sample {
  readonly atMs: number;
  readonly carriedOut: number;
}

/** Samples one side. */
export class SideSnapshots {
  readonly #side: Side;
  readonly #samples: Sample[] = [];
  readonly #series: number[] = [];
  #seriesCount = 0;
  #seriesAtMs: number;
  #view: SideView;

  constructor(side: Side, nowMs: number) {
    this.#side = side;
    this.#seriesAtMs = nowMs;
    this.#view = this.#viewOf(nowMs, 0, 0);
  }

  /** The numbers as of the last sample. */
  get view(): SideView {
    return this.#view;
  }

  /** Takes a sample. `settled` counts orders that ended; `queueDepth` what waits elsewhere. */
  add(nowMs: number, queueDepth: number, settled: number): void {
    const carriedOut = this.#side.outside.carrier.parcels.size;
    this.#samples.push({ atMs: nowMs, carriedOut });
    while (this.#samples.length > 2 && (this.#samples[0]?.atMs ?? 0) < nowMs - rateWindowMs) {
      this.#samples.shift();
    }
    while (nowMs - this.#seriesAtMs >= 1_000) {
      this.#series.push(carriedOut - this.#seriesCount);
      if (this.#series.length > seriesMax) this.#series.shift();
      this.#seriesCount = carriedOut;
      this.#seriesAtMs += 1_000;
    }
    this.#view = this.#viewOf(nowMs, queueDepth, settled);
  }

  #viewOf(nowMs: number, queueDepth: number, settled: number): SideView {
    const { customers, outside, name } = this.#side;
    const { timeouts, retries, waiting } = this.#side.numbers();
    const { counts } = customers;
    const depth = queueDepth + waiting;
    return {
      side: name,
      accept: customers.latency.recent(nowMs),
      answers: counts,
      customersWaiting: customers.waiting,
      carriedOut: outside.carrier.parcels.size,
      goodputPerSecond: this.#goodput(),
      goodputSeries: [...this.#series],
      timeouts,
      retries,
      queueDepth: depth,
      // Whatever waits is not lost; only the ledger can say more.
      lost: depth === 0 ? Math.max(0, counts.yes - settled) : 0,
      doubled: outside.bank.doubled + outside.carrier.doubled,
    };
  }

  #goodput(): number {
    const [oldest] = this.#samples;
    const newest = this.#samples.at(-1);
    if (oldest === undefined || newest === undefined || newest.atMs <= oldest.atMs) return 0;
    return ((newest.carriedOut - oldest.carriedOut) / (newest.atMs - oldest.atMs)) * 1_000;
  }
}
