// One priority's log as one consumer goes through it: where each range goes on, which batches hold
// unsettled records, and what is fetched but not handed over yet. The states of records and their
// changes are described in range-tracker.ts. Always true: a range's cursor is not beyond what was
// fetched for it, and a record of a startable range is fetched once.
import { PassingMap, PassingSet } from "../../../kernel/passing-map.ts";
import type { Priority } from "../../../message/envelope.ts";
import type { DeliveryBatch, OpenEntry } from "../../../ports/transport.ts";
import { damaged, decodeOpen, type OpenListEntry } from "../journal/format.ts";
import { firstNumbers, type Handover, holdWhole } from "./handover.ts";
import type { Epochs, Ownership } from "./ownership.ts";
import { type LocatedBatch, type Places, recordState, TrackedBatch } from "./tracked-batch.ts";

/** What a delivery batch carries: its states, and the epochs under which it was fetched. */
export class DeliveryToken {
  readonly lane: LaneTracker;
  readonly tracked: TrackedBatch;
  readonly epochs: Epochs;

  constructor(lane: LaneTracker, tracked: TrackedBatch, epochs: Epochs) {
    this.lane = lane;
    this.tracked = tracked;
    this.epochs = epochs;
  }
}

/** A listed open batch of one newly granted range, not read yet. */
interface ListedOpen {
  readonly range: number;
  readonly base: number;
  readonly entries: readonly OpenListEntry[];
}

/** The lane's part of a grant. */
export interface LaneGrant {
  readonly range: number;
  readonly position: number;
  readonly open: readonly { readonly base: number; readonly entries: Uint8Array }[];
}

/** One lane of one consumer. */
export class LaneTracker {
  readonly lane: number;
  readonly priority: Priority;
  /** Every message below is settled or listed as open, if all units under way commit; by range. */
  readonly cursors: Float64Array;
  /** Every message below was looked at, by range. */
  readonly fetched: Float64Array;
  /** Batches with unsettled records, by base. */
  readonly batches = new PassingMap<number, TrackedBatch>();
  /** Batches whose stored open lists may have to be written. */
  readonly dirty = new PassingSet<TrackedBatch>();
  readonly #ownership: Ownership;
  #handover: Handover | undefined;
  #listed: ListedOpen[] = [];
  #scans = 0;
  /** The scan that last met a range, so that each scan touches a range once. */
  readonly #touchedBy: Float64Array;

  constructor(lane: number, priority: Priority, ownership: Ownership) {
    this.lane = lane;
    this.priority = priority;
    this.#ownership = ownership;
    this.cursors = new Float64Array(ownership.partitions);
    this.fetched = new Float64Array(ownership.partitions);
    this.#touchedBy = new Float64Array(ownership.partitions);
  }

  /** Goes on where the last owner of the range stopped. */
  grant(grant: LaneGrant): void {
    const { range, position, open } = grant;
    this.cursors[range] = position;
    this.fetched[range] = position;
    for (const { base, entries } of open) {
      this.#listed.push({ range, base, entries: decodeOpen(base, entries) });
    }
    if (open.length > 0) this.#listed.sort((left, right) => left.base - right.base);
  }

  /** Forgets everything about a range; what waits to be handed over is foreign from now on. */
  drop(range: number): void {
    this.#listed = this.#listed.filter((listed) => listed.range !== range);
    for (const tracked of this.batches.values()) {
      tracked.drop(range);
      this.forgetSettled(tracked);
    }
  }

  /** Lets go of a batch of which nothing is left to remember. */
  forgetSettled(tracked: TrackedBatch): void {
    if (tracked.dirty.size === 0) this.dirty.delete(tracked);
    if (tracked.settled) this.batches.delete(tracked.base);
  }

  /** Keeps a batch (again) and says that this range's open list may have to be written. */
  touch(tracked: TrackedBatch, range: number): void {
    tracked.dirty.add(range);
    this.dirty.add(tracked);
    this.batches.set(tracked.base, tracked);
  }

  /** Where reading goes on: the lowest offset that a startable range has not seen. */
  nextOffset(): number | undefined {
    let lowest: number | undefined;
    for (let range = 0; range < this.fetched.length; range++) {
      if (!this.#ownership.startable(range)) continue;
      const offset = this.fetched[range] as number;
      if (lowest === undefined || offset < lowest) lowest = offset;
    }
    return lowest;
  }

  /** Base of the listed open batch to read next. */
  nextListed(): number | undefined {
    return this.#listed.find(({ range }) => this.#ownership.startable(range))?.base;
  }

  /** Whether fetched records wait to be handed over. */
  get hasHandover(): boolean {
    return this.#handover !== undefined;
  }

  /** Takes in the batch at nextOffset(). */
  scan(batch: LocatedBatch): void {
    const ownership = this.#ownership;
    const tracked = this.#track(batch);
    const { ranges, end } = tracked;
    if (this.#isAllNew(tracked)) return this.#scanWhole(batch, tracked);
    const records: number[] = [];
    const scan = ++this.#scans;
    for (let record = 0; record < ranges.length; record++) {
      const range = ranges[record] as number;
      if (!ownership.startable(range)) continue;
      if (tracked.offsetAt(record) < (this.fetched[range] as number)) continue;
      tracked.set(record, recordState.fresh);
      records.push(record);
      if (this.#touchedBy[range] === scan) continue;
      this.#touchedBy[range] = scan;
      this.touch(tracked, range);
    }
    this.fetchedUpTo(end);
    if (records.length === 0) return;
    this.#handover = { batch, tracked, records, isWhole: false, at: 0 };
  }

  /** Nothing is left to fetch below `end`: a batch was taken in, or messages are gone. */
  fetchedUpTo(end: number): void {
    for (let range = 0; range < this.fetched.length; range++) {
      if (!this.#ownership.startable(range)) continue;
      if ((this.fetched[range] as number) < end) this.fetched[range] = end;
    }
  }

  /** Whether every range of the batch is startable and has seen nothing of it. */
  #isAllNew({ base, sizes, unsettled }: TrackedBatch): boolean {
    if (unsettled > 0) return false;
    for (let range = 0; range < sizes.length; range++) {
      if (sizes[range] === 0) continue;
      if (!this.#ownership.startable(range) || (this.fetched[range] as number) > base) return false;
    }
    return true;
  }

  /** The same as scan(), by range instead of by record: the usual case is worth it. */
  #scanWhole(batch: LocatedBatch, tracked: TrackedBatch): void {
    const { sizes, states } = tracked;
    tracked.setAll(recordState.fresh);
    for (let range = 0; range < sizes.length; range++) {
      if (sizes[range] !== 0) this.touch(tracked, range);
    }
    this.fetchedUpTo(tracked.end);
    const records = firstNumbers(states.length);
    this.#handover = { batch, tracked, records, isWhole: true, at: 0 };
  }

  /** Takes in the batch at nextListed(): its open records of all ranges granted so far. */
  loadListed(batch: LocatedBatch): void {
    const tracked = this.#track(batch);
    const records: number[] = [];
    const rest: ListedOpen[] = [];
    for (const listed of this.#listed) {
      const now = listed.base === batch.base && this.#ownership.startable(listed.range);
      if (!now) rest.push(listed);
      else this.#loadEntries(tracked, listed, records);
    }
    this.#listed = rest;
    records.sort((left, right) => left - right);
    if (records.length === 0) return;
    this.#handover = { batch, tracked, records, isWhole: false, at: 0 };
  }

  /** Retention removed the batch at `offset`, read or not: nothing of it is left to do. */
  forgetMissing(offset: number): void {
    for (const tracked of this.batches.values()) {
      if (offset < tracked.base || offset >= tracked.end) continue;
      for (const [record, state] of tracked.states.entries()) {
        if (state !== recordState.fresh && state !== recordState.parked) continue;
        tracked.set(record, recordState.done);
        tracked.setEntry(record, undefined);
        this.touch(tracked, tracked.ranges[record] as number);
      }
    }
    this.#listed = this.#listed.filter(({ base, range }) => {
      if (base !== offset || !this.#ownership.startable(range)) return true;
      const tracked = this.#track({ base, count: 0, slotAt: () => 0, offsetAt: (at) => base + at });
      // The list is still stored: the next unit removes it.
      tracked.listed.add(range);
      this.touch(tracked, range);
      return false;
    });
  }

  #loadEntries(tracked: TrackedBatch, listed: ListedOpen, records: number[]): void {
    this.batches.set(tracked.base, tracked);
    tracked.listed.add(listed.range);
    for (const { offset, attempt, dueAtMs, reason } of listed.entries) {
      const record = tracked.recordAt(offset);
      if (record < 0 || tracked.ranges[record] !== listed.range) {
        throw damaged(`open message ${offset} of range ${listed.range} is not in its batch`, {
          priority: this.priority,
          offset,
        });
      }
      tracked.set(record, recordState.fresh);
      // One that was in flight when others settled never failed: it is as good as fresh.
      if (reason !== "in-flight") tracked.setEntry(record, { attempt, dueAtMs, reason });
      records.push(record);
    }
  }

  /** Hands over at most `messagesMax` fetched records, which become held. */
  take(messagesMax: number): DeliveryBatch | undefined {
    const handover = this.#handover;
    if (handover === undefined) return undefined;
    const { tracked, records, batch } = handover;
    if (
      handover.at === 0 &&
      records.length <= messagesMax &&
      holdWhole(handover, this.#ownership)
    ) {
      this.#handover = undefined;
      return this.#delivery(batch, tracked, records);
    }
    const taken: number[] = [];
    while (handover.at < records.length && taken.length < messagesMax) {
      const record = records[handover.at++] as number;
      if (this.#hold(tracked, record, recordState.fresh)) taken.push(record);
    }
    if (handover.at === records.length) this.#handover = undefined;
    return taken.length === 0 ? undefined : this.#delivery(batch, tracked, taken);
  }

  /** Hands parked (or held) records out again; leaves out what is settled or not ours. */
  retake(batch: LocatedBatch, offsets: readonly number[]): DeliveryBatch | undefined {
    const tracked = this.batches.get(batch.base);
    if (tracked === undefined) return undefined;
    const taken: number[] = [];
    for (const offset of offsets) {
      const record = tracked.recordAt(offset);
      if (record < 0) continue;
      const range = tracked.ranges[record] as number;
      const held = tracked.states[record] === recordState.held && this.#ownership.startable(range);
      if (held || this.#hold(tracked, record, recordState.parked)) taken.push(record);
    }
    taken.sort((left, right) => left - right);
    return taken.length === 0 ? undefined : this.#delivery(batch, tracked, taken);
  }

  #hold(tracked: TrackedBatch, record: number, from: number): boolean {
    const range = tracked.ranges[record] as number;
    if (tracked.states[record] !== from || !this.#ownership.startable(range)) return false;
    tracked.set(record, recordState.held);
    this.#ownership.occupy(range, 1);
    return true;
  }

  #delivery(
    stored: LocatedBatch,
    tracked: TrackedBatch,
    records: readonly number[],
  ): DeliveryBatch {
    const token = new DeliveryToken(this, tracked, this.#ownership.epochs);
    if (tracked.entries.size === 0) return { stored, records, token };
    const open = new Map<number, OpenEntry>();
    for (const record of records) {
      const entry = tracked.entries.get(record);
      if (entry !== undefined) open.set(record, entry);
    }
    return open.size === 0 ? { stored, records, token } : { stored, records, open, token };
  }

  #track(batch: Places): TrackedBatch {
    return (
      this.batches.get(batch.base) ?? new TrackedBatch(this.lane, batch, this.#ownership.partitions)
    );
  }
}
