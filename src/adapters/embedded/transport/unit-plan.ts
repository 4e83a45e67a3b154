// What one commit unit does to a consumer's ranges: fences, cursor moves and open lists for the
// engine, applied to the tracker at once and taken back if the unit is refused. Always true:
// undoing all plans under way, the youngest first, leaves the tracker as the journal last
// committed it.
import type { BatchSettlement, Outcome } from "../../../ports/commit-unit.ts";
import type { OpenEntry } from "../../../ports/transport.ts";
import type { CursorMove, Fence, OpenRow } from "../journal/engine.ts";
import { encodeOpen } from "../journal/format.ts";
import { DeliveryToken, type LaneTracker } from "./lane-tracker.ts";
import type { Ownership } from "./ownership.ts";
import { recordState, type TrackedBatch } from "./tracked-batch.ts";

const acknowledged: Outcome = { kind: "ack" };
const noEntries: ReadonlyMap<number, OpenEntry> = new Map();

/** The settled records of one delivery, and what they were before. */
interface SettledPart {
  readonly token: DeliveryToken;
  readonly records: readonly number[];
  readonly states: Uint8Array;
  readonly entries: ReadonlyMap<number, OpenEntry>;
}

interface MovedCursor {
  readonly lane: LaneTracker;
  readonly range: number;
  readonly before: number;
}

interface WrittenList {
  readonly lane: LaneTracker;
  readonly tracked: TrackedBatch;
  readonly range: number;
  readonly wasListed: boolean;
}

/** A unit's effect on the ranges of its consumer. */
export class UnitPlan {
  readonly cursors: CursorMove[] = [];
  readonly open: OpenRow[] = [];
  /** Range → epoch that must still hold when the unit is committed. */
  readonly #claims = new Map<number, number>();
  /** Deliveries fetched under an epoch that is gone: the engine refuses the unit for them. */
  readonly #stale: Fence[] = [];
  readonly #parts: SettledPart[] = [];
  readonly #moved: MovedCursor[] = [];
  readonly #written: WrittenList[] = [];
  readonly #ownership: Ownership;

  constructor(ownership: Ownership) {
    this.#ownership = ownership;
  }

  /** Every range that this unit touches, with its epoch. */
  get fences(): Fence[] {
    return [...[...this.#claims].map(([range, epoch]) => ({ range, epoch })), ...this.#stale];
  }

  /** Settles the records of one delivery batch. */
  settle(settlement: BatchSettlement): void {
    const { token } = settlement.batch;
    if (!(token instanceof DeliveryToken)) throw new TypeError("not a batch of this consumer");
    const { tracked, epochs, lane } = token;
    const { records, outcomes } = settlement;
    const states = new Uint8Array(records.length);
    if (outcomes === undefined && this.#isSimple(token)) {
      this.#acknowledge(tracked, records, states, lane);
      tracked.outstanding++;
      this.#parts.push({ token, records, states, entries: noEntries });
      return;
    }
    const entries = new Map<number, OpenEntry>();
    for (let at = 0; at < records.length; at++) {
      const record = records[at] as number;
      const range = tracked.ranges[record] as number;
      if (!this.#ownership.same(epochs, range)) {
        this.#stale.push({ range, epoch: epochs[range] as number });
        continue;
      }
      if (this.#claim(range) || !tracked.dirty.has(range)) lane.touch(tracked, range);
      states[at] = tracked.states[record] as number;
      const entry = tracked.entries.size === 0 ? undefined : tracked.entries.get(record);
      if (entry !== undefined) entries.set(record, entry);
      this.#apply(tracked, record, range, outcomes?.[at] ?? acknowledged);
    }
    tracked.outstanding++;
    this.#parts.push({ token, records, states, entries });
  }

  /** Whether nothing was lost since the delivery and nothing of its batch was open. */
  #isSimple({ tracked, epochs }: DeliveryToken): boolean {
    return tracked.entries.size === 0 && epochs === this.#ownership.epochs;
  }

  /** The same as below for many records at once: ranges are looked after once each. */
  #acknowledge(
    tracked: TrackedBatch,
    records: readonly number[],
    states: Uint8Array,
    lane: LaneTracker,
  ): void {
    const { sizes } = tracked;
    const settled = new Uint32Array(sizes.length);
    const held = new Uint32Array(sizes.length);
    for (let at = 0; at < records.length; at++) {
      const record = records[at] as number;
      const range = tracked.ranges[record] as number;
      const state = tracked.states[record] as number;
      states[at] = state;
      settled[range] = (settled[range] as number) + 1;
      if (state === recordState.held) held[range] = (held[range] as number) + 1;
      tracked.set(record, recordState.done);
    }
    for (let range = 0; range < sizes.length; range++) {
      if (settled[range] === 0) continue;
      if (this.#claim(range) || !tracked.dirty.has(range)) lane.touch(tracked, range);
      this.#ownership.occupy(range, -(held[range] as number));
    }
  }

  #apply(tracked: TrackedBatch, record: number, range: number, outcome: Outcome): void {
    if (tracked.states[record] === recordState.held) this.#ownership.occupy(range, -1);
    if (outcome.kind === "ack") {
      tracked.set(record, recordState.done);
      tracked.setEntry(record, undefined);
      return;
    }
    const { attempt, dueAtMs, reason } = outcome;
    tracked.set(record, recordState.parked);
    tracked.setEntry(record, { attempt, dueAtMs, reason });
  }

  /** Counts this unit among what is under way for a range; true the first time. */
  #claim(range: number): boolean {
    if (this.#claims.has(range)) return false;
    this.#claims.set(range, this.#ownership.epochs[range] as number);
    this.#ownership.occupy(range, 1);
    return true;
  }

  /** Moves the lane's cursors up to `position` and lists what is unsettled below them. */
  advance(lane: LaneTracker, position: number): void {
    for (let range = 0; range < this.#ownership.partitions; range++) {
      const movable = this.#ownership.startable(range) || this.#claims.has(range);
      if (!movable || !this.#ownership.owned(range)) continue;
      const before = lane.cursors[range] as number;
      const after = Math.min(position, lane.fetched[range] as number);
      if (after <= before) continue;
      this.#claim(range);
      this.#moved.push({ lane, range, before });
      lane.cursors[range] = after;
      this.cursors.push({ priority: lane.priority, range, position: after });
    }
    for (const tracked of lane.dirty) this.#list(lane, tracked);
  }

  /** Writes the open lists of a batch for the ranges whose cursor is past it. */
  #list(lane: LaneTracker, tracked: TrackedBatch): void {
    const passed: number[] = [];
    for (const range of tracked.dirty) {
      if ((lane.cursors[range] as number) >= tracked.end) passed.push(range);
    }
    if (passed.length === 0) return;
    for (const [range, list] of tracked.unsettledOf(passed)) {
      tracked.dirty.delete(range);
      const wasListed = tracked.listed.has(range);
      if (list.length === 0 && !wasListed) continue;
      this.#claim(range);
      tracked.outstanding++;
      this.#written.push({ lane, tracked, range, wasListed });
      if (list.length === 0) tracked.listed.delete(range);
      else tracked.listed.add(range);
      const entries = list.length === 0 ? null : encodeOpen(tracked.base, list);
      this.open.push({ priority: lane.priority, range, base: tracked.base, entries });
    }
    if (tracked.dirty.size === 0) lane.dirty.delete(tracked);
  }

  /** The unit is durable. */
  finish(): void {
    this.#end();
  }

  /** The unit was refused: everything is as before it. Younger plans were undone already. */
  undo(): void {
    for (const part of this.#parts) this.#restore(part);
    for (const { lane, range, before } of this.#moved) {
      if (this.#holds(range)) lane.cursors[range] = before;
    }
    for (const { lane, tracked, range, wasListed } of this.#written) {
      if (!this.#holds(range)) continue;
      if (wasListed) tracked.listed.add(range);
      else tracked.listed.delete(range);
      lane.touch(tracked, range);
    }
    this.#end();
  }

  #restore({ token, records, states, entries }: SettledPart): void {
    const { tracked, epochs, lane } = token;
    for (let at = records.length - 1; at >= 0; at--) {
      const record = records[at] as number;
      const range = tracked.ranges[record] as number;
      if (!this.#ownership.same(epochs, range)) continue;
      tracked.setEntry(record, entries.get(record));
      lane.touch(tracked, range);
      // The caller may have taken the record up again since; then it holds it already.
      if (tracked.states[record] === recordState.held) continue;
      tracked.set(record, states[at] as number);
      if (states[at] === recordState.held) this.#ownership.occupy(range, 1);
    }
  }

  #holds(range: number): boolean {
    return this.#claims.get(range) === this.#ownership.epochs[range];
  }

  #end(): void {
    for (const range of this.#claims.keys()) {
      if (this.#holds(range)) this.#ownership.occupy(range, -1);
    }
    for (const { token } of this.#parts) this.#letGo(token.lane, token.tracked);
    for (const { lane, tracked } of this.#written) this.#letGo(lane, tracked);
  }

  #letGo(lane: LaneTracker, tracked: TrackedBatch): void {
    tracked.outstanding--;
    lane.forgetSettled(tracked);
  }
}
