// Which key ranges a consumer owns, under which epoch, and how much of each is under way. Knows
// nothing of messages. Always true: an epoch table is never changed after it was handed out, so a
// delivery keeps the one it was fetched under; busy(range) is 0 for a range that is not owned.
import type { RangeGrant } from "../journal/engine.ts";

/** Epoch by range; 0 where the range is not owned. */
export type Epochs = Float64Array;

/** The ranges of one member. */
export class Ownership {
  readonly partitions: number;
  /** How often ranges were asked back or lost. */
  losses = 0;
  #epochs: Epochs;
  readonly #revoking: Uint8Array;
  readonly #busy: Float64Array;
  #revokingCount = 0;

  constructor(partitions: number) {
    this.partitions = partitions;
    this.#epochs = new Float64Array(partitions);
    this.#revoking = new Uint8Array(partitions);
    this.#busy = new Float64Array(partitions);
  }

  /** The table of now; kept by deliveries. */
  get epochs(): Epochs {
    return this.#epochs;
  }

  /** Takes a range that was not owned. */
  grant(grant: RangeGrant): void {
    const next = this.#epochs.slice();
    next[grant.range] = grant.epoch;
    this.#epochs = next;
    this.#revoking[grant.range] = 0;
    this.#busy[grant.range] = 0;
  }

  /** Starts nothing more of a range; what runs may still settle. */
  revoke(range: number): void {
    if (!this.startable(range)) return;
    this.losses++;
    this.#revoking[range] = 1;
    this.#revokingCount++;
  }

  /** The range belongs to somebody else. */
  drop(range: number): void {
    this.losses++;
    const next = this.#epochs.slice();
    next[range] = 0;
    this.#epochs = next;
    this.#revokingCount -= this.#revoking[range] as number;
    this.#revoking[range] = 0;
    this.#busy[range] = 0;
  }

  /** Whether the range is ours, also while it is being handed over. */
  owned(range: number): boolean {
    return this.#epochs[range] !== 0;
  }

  /** Whether the range is still owned under the epoch of an earlier table. */
  same(epochs: Epochs, range: number): boolean {
    return epochs[range] !== 0 && epochs[range] === this.#epochs[range];
  }

  /** Whether messages of the range may be started. */
  startable(range: number): boolean {
    return this.#epochs[range] !== 0 && this.#revoking[range] === 0;
  }

  /** Counts held records or units under way that came (or, below 0, went). */
  occupy(range: number, by: number): void {
    this.#busy[range] = (this.#busy[range] as number) + by;
  }

  /** Held records and units under way of a range. */
  busy(range: number): number {
    return this.#busy[range] as number;
  }

  /** Whether nothing is held and no unit is under way, for any range. */
  get quiet(): boolean {
    return this.#busy.every((busy) => busy === 0);
  }

  /** Ranges to hand over of which nothing is under way any more. */
  releasable(): number[] {
    const ranges: number[] = [];
    if (this.#revokingCount === 0) return ranges;
    for (let range = 0; range < this.partitions; range++) {
      if (this.#revoking[range] === 1 && this.#busy[range] === 0) ranges.push(range);
    }
    return ranges;
  }
}
