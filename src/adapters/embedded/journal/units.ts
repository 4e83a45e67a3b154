// Commit units: a list of them in one transaction, each applied or refused as a whole. Checks come
// before a unit's first write. Always true: after a refused unit, units of the same member and
// generation are refused; after a transaction that failed as a whole, those of all its members are.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Appender, PreparedAppend } from "./append.ts";
import { type Catalog, laneOf } from "./catalog.ts";
import type { EngineAppendResult, EngineUnit, EngineUnitResult } from "./engine.ts";
import { GapCounts } from "./gap-counts.ts";
import { leaseOf } from "./lease-rows.ts";
import type { LocalMember, Members } from "./members.ts";
import type { DiskSpace } from "./disk-space.ts";
import type { ChannelLimits } from "./limits.ts";
import type { PendingRows } from "./pending-rows.ts";
import { StateCursor } from "./state-columns.ts";
import type { Writer } from "./writer.ts";

/** Most units of one transaction: state versions tell the units of a transaction apart. */
export const unitsMax = 1_024;
/** How many committed units of a member later versions −n may refer to. */
export const recentUnitsMax = 4_096;

type Refusal = Exclude<EngineUnitResult, { kind: "committed" }>;

/** See the head of this file. */
export class Units {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #pending: PendingRows;
  readonly #members: Members;
  readonly #appender: Appender;
  readonly #gaps: GapCounts;
  readonly #space: DiskSpace;
  readonly #limits: ChannelLimits;

  constructor(parts: {
    readonly writer: Writer;
    readonly catalog: Catalog;
    readonly pending: PendingRows;
    readonly members: Members;
    readonly appender: Appender;
    readonly space: DiskSpace;
    readonly limits: ChannelLimits;
  }) {
    this.#writer = parts.writer;
    this.#catalog = parts.catalog;
    this.#pending = parts.pending;
    this.#members = parts.members;
    this.#appender = parts.appender;
    this.#space = parts.space;
    this.#limits = parts.limits;
    this.#gaps = new GapCounts(parts.writer, parts.pending);
  }

  /** Applies units in order; "lost" notices of failed fences go out before it returns. */
  transact(units: readonly EngineUnit[]): EngineUnitResult[] {
    if (units.length > unitsMax) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `${units.length} units in one transaction: send at most ${unitsMax}`,
      );
    }
    const lost = new Map<LocalMember, Set<number>>();
    try {
      units.forEach(assertFenced);
      const prepared = units.map((unit) => {
        return unit.appends.map((append) => this.#appender.prepare(append));
      });
      return this.#withReserve(units, () => {
        lost.clear();
        return this.#limits.counting(() =>
          this.#writer.transaction("committing", () =>
            units.map((unit, index) => {
              return this.#unit(unit, index, prepared[index] as PreparedAppend[], lost);
            }),
          ),
        );
      });
    } catch (error) {
      for (const unit of units) this.#poisonFailed(unit);
      throw error;
    } finally {
      for (const [member, ranges] of lost) this.#members.lose(member, [...ranges]);
    }
  }

  /** On a full disk it is done again with the reserve, without what has to wait for space. */
  #withReserve(units: readonly EngineUnit[], apply: () => EngineUnitResult[]): EngineUnitResult[] {
    const members = new Set(units.flatMap(({ member }) => this.#members.local.get(member) ?? []));
    const before = Array.from(members, (member) => [member, member.poisonedGeneration] as const);
    try {
      return apply();
    } catch (error) {
      if (!this.#space.met(error)) throw error;
      for (const [member, generation] of before) member.poisonedGeneration = generation;
      return apply();
    }
  }

  #unit(
    unit: EngineUnit,
    index: number,
    prepared: readonly PreparedAppend[],
    lost: Map<LocalMember, Set<number>>,
  ): EngineUnitResult {
    const version = this.#writer.commitNumber * unitsMax + index;
    const isFull = this.#space.refuses(unit);
    this.#limits.nextUnit();
    if (unit.member === 0) {
      const unknown = this.#unknown(prepared);
      if (unknown !== undefined) return unknown;
      if (isFull) return { kind: "full", shortage: this.#space.shortage };
      return { kind: "committed", appended: this.#append(prepared, false), version };
    }
    const member = this.#members.local.get(unit.member);
    if (member === undefined) return { kind: "fenced" };
    const refusal = this.#refusal(unit, prepared, member, lost) ?? this.#fullDisk(isFull);
    if (refusal !== undefined) {
      this.#poison(unit, member);
      return refusal;
    }
    // What a handler published goes with what it settled, whatever the channel's limits say.
    const appended = this.#append(prepared, true);
    this.#settle(unit, member);
    this.#remember(unit, member, version, this.#writeState(unit, member, version));
    const channels = this.#limits.over(unit.appends.map(({ channel }) => channel));
    if (channels.length === 0) return { kind: "committed", appended, version };
    return { kind: "committed", appended, version, over: { channels, told: this.#limits.told } };
  }

  /** A channel may have been removed since the unit was made: that is this unit's fault alone. */
  #unknown(prepared: readonly PreparedAppend[]): Refusal | undefined {
    const error = this.#appender.unknownIn(prepared);
    if (error === undefined) return undefined;
    return { kind: "unknown", channel: String(error.details["channel"]), message: error.message };
  }

  #fullDisk(isFull: boolean): Refusal | undefined {
    return isFull ? { kind: "full", shortage: this.#space.shortage } : undefined;
  }

  #append(prepared: readonly PreparedAppend[], isLetThrough: boolean): EngineAppendResult[] {
    return prepared.map((append) => this.#appender.apply(append, isLetThrough));
  }

  /** Why a unit cannot be applied, or undefined. */
  #refusal(
    unit: EngineUnit,
    prepared: readonly PreparedAppend[],
    member: LocalMember,
    lost: Map<LocalMember, Set<number>>,
  ): Refusal | undefined {
    if (unit.generation <= member.poisonedGeneration) return { kind: "poisoned" };
    let fenced = false;
    for (const { range, epoch } of unit.fences) {
      const lease = leaseOf(this.#writer, member.group, range);
      if (lease !== undefined && lease.epoch === epoch && lease.member === member.id) continue;
      fenced = true;
      // A range that was lost and regained is held under another epoch: that one is not lost.
      if ((member.held.get(range) ?? epoch) !== epoch) continue;
      const ranges = lost.get(member);
      if (ranges === undefined) lost.set(member, new Set([range]));
      else ranges.add(range);
    }
    if (fenced) return { kind: "fenced" };
    const conflict = this.#conflict(unit, member);
    if (conflict !== undefined) return conflict;
    const unknown = this.#unknown(prepared);
    if (unknown !== undefined) return unknown;
    const reused = this.#appender.reusedIn(unit.appends);
    return reused.length > 0 ? { kind: "reused", reused } : undefined;
  }

  /** The first row that is not as the unit saw it. */
  #conflict({ state }: EngineUnit, member: LocalMember): Refusal | undefined {
    if (state?.expected === undefined) return undefined;
    const row = new StateCursor(state);
    while (row.next()) {
      const { table, key, expected } = row;
      if (expected === undefined) continue;
      const actual = this.#pending.stateVersion(member.group, table, key);
      if (!matches(member, expected, actual, table, key)) return { kind: "conflict", table, key };
    }
    return undefined;
  }

  #settle(unit: EngineUnit, member: LocalMember): void {
    if (unit.expired > 0) {
      const sql = "UPDATE grp SET expired = expired + ? WHERE id = ?";
      this.#writer.run(sql, unit.expired, member.group);
    }
    if (unit.cursors.length === 0 && unit.open.length === 0) return;
    this.#limits.settled();
    const channel = this.#catalog.channel(member.channelName);
    for (const { priority, range, position } of unit.cursors) {
      const log = this.#catalog.head(channel, laneOf(priority)).id;
      this.#gaps.moving(member.group, log, range, position);
      this.#pending.moveCursor(member.group, log, range, position);
    }
    for (const { priority, range, base, entries } of unit.open) {
      const log = this.#catalog.head(channel, laneOf(priority)).id;
      this.#pending.setOpen(member.group, log, range, base, entries);
    }
  }

  /** Writes what changes; returns the rows that are gone. */
  #writeState(unit: EngineUnit, member: LocalMember, version: number): Set<string> | undefined {
    if (unit.state === undefined) return undefined;
    let deleted: Set<string> | undefined;
    const row = new StateCursor(unit.state);
    while (row.next()) {
      const { table, key, value } = row;
      if (value === undefined) continue;
      this.#pending.setState(member.group, table, key, version, value);
      if (value === null) (deleted ??= new Set()).add(rowName(table, key));
    }
    return deleted;
  }

  #remember(
    unit: EngineUnit,
    member: LocalMember,
    version: number,
    deleted: Set<string> | undefined,
  ): void {
    if (unit.sequence <= 0) return;
    const { recent } = member;
    recent.set(unit.sequence, { version, deleted });
    if (recent.size <= recentUnitsMax) return;
    for (const oldest of recent.keys()) {
      recent.delete(oldest);
      return;
    }
  }

  /** What this unit would have committed did not happen: later units presume it and must not. */
  #poisonFailed(unit: EngineUnit): void {
    const member = this.#members.local.get(unit.member);
    if (member !== undefined) this.#poison(unit, member);
  }

  #poison(unit: EngineUnit, member: LocalMember): void {
    member.poisonedGeneration = Math.max(member.poisonedGeneration, unit.generation);
    member.recent.delete(unit.sequence);
  }
}

/** Whether the row is as the unit saw it: a committed version, or −n for its own n-th unit's. */
function matches(
  member: LocalMember,
  expected: number,
  actual: number,
  table: string,
  key: string,
): boolean {
  if (expected >= 0) return expected === actual;
  const unit = member.recent.get(-expected);
  if (unit === undefined) return false;
  if (actual === 0) return unit.deleted?.has(rowName(table, key)) ?? false;
  return actual === unit.version;
}

function rowName(table: string, key: string): string {
  return `${table}\u0000${key}`;
}

/** What a unit settles must be proved to be its member's. */
function assertFenced(unit: EngineUnit): void {
  const plain = unit.cursors.length === 0 && unit.open.length === 0 && unit.state === undefined;
  if (plain) return;
  const fenced = new Set(unit.fences.map((fence) => fence.range));
  const rows = [...unit.cursors, ...unit.open];
  const bare = rows.find((row) => !fenced.has(row.range));
  if (unit.member !== 0 && bare === undefined) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `a unit of member ${unit.member} settles range ${bare?.range ?? "(none)"} without a fence`,
  );
}
