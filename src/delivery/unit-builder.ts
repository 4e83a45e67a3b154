// One commit unit while it is filled: outcomes by batch, outgoing messages, state changes. Knows
// neither handlers nor transports. Always true: a row is listed once, with the version that its
// first user in this unit found and the value that its last one left.
import type { BatchSettlement, CommitUnit, Outcome, StateChange } from "../ports/commit-unit.ts";
import type { StateVersion } from "../ports/state-store.ts";
import type { Random } from "../kernel/random.ts";
import { acknowledged } from "./key-lines.ts";
import { OutgoingPacker } from "./outgoing-packer.ts";
import type { RowChange, RowWriter } from "./state-row.ts";
import type { RowTouch } from "./state-view.ts";
import type { WindowBatch } from "./window.ts";

/** The outcomes of one batch's messages: parallel arrays. */
export interface SettledBatch {
  readonly batch: WindowBatch;
  readonly positions: number[];
  /** Undefined: all of them are acknowledged. */
  outcomes: Outcome[] | undefined;
}

/** What will become durable together. */
export class UnitBuilder implements RowWriter {
  /** Given when it is committed. */
  sequence = 0;
  /** Messages settled. */
  size = 0;
  readonly outgoing: OutgoingPacker;
  /** Batches that this unit acknowledges before their handlers run. */
  readonly claims: WindowBatch[] = [];
  readonly settled: SettledBatch[] = [];
  readonly #byBatch = new Map<WindowBatch, SettledBatch>();
  readonly #changes: RowChange[] = [];
  #last: SettledBatch | undefined;

  constructor(random: Random) {
    this.outgoing = new OutgoingPacker(random);
  }

  /** Whether there is nothing to commit. */
  get isEmpty(): boolean {
    return this.size === 0 && this.outgoing.count === 0;
  }

  /** Adds the outcome of one message. */
  settle(batch: WindowBatch, position: number, outcome: Outcome): void {
    const settled = this.#last?.batch === batch ? this.#last : this.#settledOf(batch);
    if (outcome !== acknowledged || settled.outcomes !== undefined) {
      settled.outcomes ??= settled.positions.map(() => acknowledged);
      settled.outcomes.push(outcome);
    }
    settled.positions.push(position);
    this.size++;
  }

  #settledOf(batch: WindowBatch): SettledBatch {
    let settled = this.#byBatch.get(batch);
    if (settled === undefined) {
      settled = { batch, positions: [], outcomes: undefined };
      this.#byBatch.set(batch, settled);
      this.settled.push(settled);
    }
    this.#last = settled;
    return settled;
  }

  /** Adds what one handler call did to a row; others see its value from now on. */
  change({ row, isWritten, value }: RowTouch): void {
    let { change } = row;
    if (change?.unit !== this) {
      change = { unit: this, row, expected: row.expected, value: undefined };
      row.change = change;
      this.#changes.push(change);
      row.pins++;
    }
    if (!isWritten) return;
    change.value = value ?? null;
    row.value = value;
    row.isLoaded = true;
    row.writer = this;
    row.stamp++;
  }

  /** The unit as the transport gets it; `expired` of its messages are settled without a handler. */
  toCommitUnit(expired: number): CommitUnit {
    const settlements: BatchSettlement[] = this.settled.map(({ batch, positions, outcomes }) => ({
      batch: batch.delivery,
      records: recordsOf(batch, positions),
      outcomes,
    }));
    const state: StateChange[] = this.#changes.map(({ row: { table, key }, expected, value }) => {
      return { table, key, expected, value };
    });
    this.outgoing.seal();
    const publishes = this.outgoing.batches;
    return { sequence: this.sequence, settlements, expired, publishes, state };
  }

  /** The unit took effect: its rows have this version now, and are let go. */
  confirmRows(version: StateVersion): void {
    for (const { row, unit } of this.#changes) {
      row.pins--;
      // Not kept for longer than the unit: a row may stay in memory.
      if (row.change?.unit === unit) row.change = undefined;
      if (row.writer !== this) continue;
      row.writer = undefined;
      row.version = row.value === undefined ? 0 : version;
    }
  }
}

/** The records at these positions; of a whole batch its own list. */
function recordsOf(batch: WindowBatch, positions: readonly number[]): readonly number[] {
  if (positions.length === batch.size && positions.every((position, index) => position === index)) {
    return batch.delivery.records;
  }
  return positions.map((position) => batch.recordAt(position));
}
