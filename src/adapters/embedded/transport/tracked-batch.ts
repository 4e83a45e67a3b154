// One fetched batch as its consumer remembers it: a byte of state and the key range per record,
// plus what was listed as open. Knows no payload, so that it stays small while messages wait.
// Always true: `unsettled` counts the records that are fresh, held or parked.
import type { OpenEntry, StoredBatch } from "../../../ports/transport.ts";
import { slotCount } from "../../../kernel/key-slot.ts";
import type { OpenListEntry } from "../journal/format.ts";

/** States of a record; range-tracker.ts says what they mean and how they change. */
export const recordState = { foreign: 0, fresh: 1, held: 2, parked: 3, done: 4 } as const;

/** A stored batch whose first offset is known. */
export interface LocatedBatch extends StoredBatch {
  readonly base: number;
}

/** Where the records of a batch stand. */
export type Places = Pick<LocatedBatch, "base" | "count" | "slotAt" | "offsetAt">;

/** The key range of a slot. */
function rangeOfSlot(slot: number, partitions: number): number {
  return Math.floor((slot * partitions) / slotCount);
}

/** First offset behind a batch. */
export function endOf(batch: Pick<StoredBatch, "count" | "offsetAt">): number {
  return batch.offsetAt(batch.count - 1) + 1;
}

const inFlight: OpenEntry = Object.freeze({ attempt: 0, dueAtMs: 0, reason: "in-flight" });

/** The states of one batch's records. */
export class TrackedBatch {
  readonly lane: number;
  readonly base: number;
  readonly end: number;
  /** State of each record. */
  readonly states: Uint8Array;
  /** Key range of each record. */
  readonly ranges: Uint16Array;
  /** What is known of records that were open before or became open. */
  readonly entries: Map<number, OpenEntry> = new Map();
  /** How many records each range has. */
  readonly sizes: Uint32Array;
  /** Ranges whose stored open list may differ from the states here. */
  readonly dirty: Set<number> = new Set();
  /** Ranges that have a stored open list. */
  readonly listed: Set<number> = new Set();
  unsettled = 0;
  /** How often units under way refer to this batch. */
  outstanding = 0;
  /** Offset of each record; undefined where they are dense from `base`. */
  readonly #offsets: Float64Array | undefined;

  constructor(lane: number, batch: Places, partitions: number) {
    const { count } = batch;
    this.lane = lane;
    this.base = batch.base;
    this.end = endOf(batch);
    this.states = new Uint8Array(count);
    this.ranges = new Uint16Array(count);
    this.sizes = new Uint32Array(partitions);
    for (let record = 0; record < count; record++) {
      const range = rangeOfSlot(batch.slotAt(record), partitions);
      this.ranges[record] = range;
      this.sizes[range] = (this.sizes[range] as number) + 1;
    }
    if (this.end - this.base === count) return;
    this.#offsets = Float64Array.from({ length: count }, (_, record) => batch.offsetAt(record));
  }

  /** Offset of a record. */
  offsetAt(record: number): number {
    return this.#offsets === undefined ? this.base + record : (this.#offsets[record] as number);
  }

  /** The record at an offset; −1 where this batch has none. */
  recordAt(offset: number): number {
    if (this.#offsets !== undefined) return this.#offsets.indexOf(offset);
    return offset >= this.base && offset < this.end ? offset - this.base : -1;
  }

  /** Puts every record into one state. */
  setAll(state: number): void {
    this.states.fill(state);
    this.unsettled = isUnsettled(state) ? this.states.length : 0;
  }

  /** Changes a record's state and keeps the count. */
  set(record: number, state: number): void {
    this.unsettled += Number(isUnsettled(state)) - Number(isUnsettled(this.states[record]));
    this.states[record] = state;
  }

  /** Changes what is known of a record; undefined forgets it. */
  setEntry(record: number, entry: OpenEntry | undefined): void {
    if (entry !== undefined) this.entries.set(record, entry);
    else if (this.entries.size > 0) this.entries.delete(record);
  }

  /** Forgets everything about the records of one range. */
  drop(range: number): void {
    this.dirty.delete(range);
    this.listed.delete(range);
    for (let record = 0; record < this.states.length; record++) {
      if (this.ranges[record] !== range) continue;
      this.set(record, recordState.foreign);
      this.setEntry(record, undefined);
    }
  }

  /** The unsettled records of the given ranges, as they are listed in the journal. */
  unsettledOf(ranges: readonly number[]): Map<number, OpenListEntry[]> {
    const lists = new Map<number, OpenListEntry[]>(ranges.map((range) => [range, []]));
    if (this.unsettled === 0) return lists;
    for (let record = 0; record < this.states.length; record++) {
      if (!isUnsettled(this.states[record])) continue;
      const list = lists.get(this.ranges[record] as number);
      if (list === undefined) continue;
      const { attempt, dueAtMs, reason } = this.entries.get(record) ?? inFlight;
      list.push({ offset: this.offsetAt(record), attempt, dueAtMs, reason });
    }
    return lists;
  }

  /** Whether nothing is left that a later unit or undo could need. */
  get settled(): boolean {
    return this.unsettled === 0 && this.outstanding === 0 && this.dirty.size === 0;
  }
}

function isUnsettled(state: number | undefined): boolean {
  return state !== recordState.foreign && state !== recordState.done;
}
