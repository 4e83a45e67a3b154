// Fetched records on their way to the caller. Always true: a batch is held as a whole only where
// each of its records is fresh and may be started, which is the usual case and costs a step a range
// instead of a step a record.
import type { Ownership } from "./ownership.ts";
import { type LocatedBatch, recordState, type TrackedBatch } from "./tracked-batch.ts";

/** Fetched records that wait to be handed over. */
export interface Handover {
  readonly batch: LocatedBatch;
  readonly tracked: TrackedBatch;
  readonly records: readonly number[];
  /** Whether it is the whole batch, and all of it fresh. */
  readonly isWhole: boolean;
  at: number;
}

/** Holds all of a whole batch at once; false where something of it changed since the scan. */
export function holdWhole({ tracked, isWhole }: Handover, ownership: Ownership): boolean {
  const { sizes, states, unsettled } = tracked;
  if (!isWhole || unsettled !== states.length || tracked.entries.size > 0) return false;
  for (let range = 0; range < sizes.length; range++) {
    if (sizes[range] !== 0 && !ownership.startable(range)) return false;
  }
  tracked.setAll(recordState.held);
  for (let range = 0; range < sizes.length; range++) {
    const size = sizes[range] as number;
    if (size > 0) ownership.occupy(range, size);
  }
  return true;
}

const numbers = new Map<number, readonly number[]>();
/** Lists kept: most batches of a channel have one length. */
export const numbersKept = 16;

/** The numbers 0 … count − 1; one list serves all batches of a length. */
export function firstNumbers(count: number): readonly number[] {
  let known = numbers.get(count);
  if (known === undefined) {
    known = Array.from({ length: count }, (_, index) => index);
    if (numbers.size === numbersKept) {
      for (const oldest of numbers.keys()) {
        numbers.delete(oldest);
        break;
      }
    }
    numbers.set(count, known);
  }
  return known;
}
