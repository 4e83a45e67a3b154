// Batches read lately, shared by all readers of one process, so that many groups on one channel
// read and check each batch once. Always true: the bytes held are within the bound, or it holds
// nothing; a batch never changes, so nothing here grows stale.
import { PassingMap } from "../../../kernel/passing-map.ts";
import type { BatchView } from "../journal/format.ts";

/** Least recently used batches go first. */
export class BatchCache {
  readonly #bytesMax: number;
  readonly #batches = new PassingMap<string, BatchView>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The batch of a log that starts at `base`, if it was read lately. */
  get(log: number, base: number): BatchView | undefined {
    const key = `${log}:${base}`;
    const batch = this.#batches.get(key);
    if (batch === undefined) return undefined;
    this.#batches.delete(key);
    this.#batches.set(key, batch);
    return batch;
  }

  /** Keeps a batch, and lets go of the oldest as far as the bound asks for it. */
  put(log: number, batch: BatchView): void {
    const key = `${log}:${batch.base}`;
    if (batch.bytes > this.#bytesMax || this.#batches.has(key)) return;
    this.#batches.set(key, batch);
    this.#bytes += batch.bytes;
    for (const [oldest, { bytes }] of this.#batches) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#batches.delete(oldest);
      this.#bytes -= bytes;
    }
  }
}
