// Channels, logs and groups of a damaged journal. A row that is unreadable is put together from
// older versions of its page, from the indexes and from the tail file; what nobody knows any more
// gets a name that says so. Always true: everything that batches, cursors or state refer to has a
// row here in the end; no two channels, no two groups of one and no two of its logs are called the
// same.
import type { Tail } from "../../journal/tail-format.ts";
import { priorities } from "../../../../message/envelope.ts";
import type { RepairNotes } from "../repair-report.ts";
import { removedLogsOf } from "./own-tail.ts";
import {
  type ChannelValue,
  channelValue,
  type GroupValue,
  groupValue,
  leaseValue,
  type LogValue,
  logValue,
} from "./row-values.ts";
import type { SalvagedRow, Tables } from "./tables.ts";

/** Ranges of a channel of which nothing is known; the default of a declaration. */
const partitionsDefault = 8;
const normalLane = priorities.indexOf("normal");

/** See the head of this file. */
export class SalvagedCatalog {
  readonly channels = new Map<number, ChannelValue>();
  readonly logs = new Map<number, LogValue>();
  readonly groups = new Map<number, GroupValue>();
  /** Logs whose row had to be put together: where they ended must be found out. */
  readonly madeLogs = new Set<number>();
  /** Whether a log was removed with its channel: what is found of it is not wanted. */
  readonly isRemoved: (log: number) => boolean;
  /** Channels of which nobody knows into how many ranges they were divided. */
  readonly #dividedAnew = new Set<number>();
  readonly #tables: Tables;
  readonly #tail: Tail | undefined;
  readonly #notes: RepairNotes;
  readonly #wallMs: number;

  constructor(tables: Tables, tail: Tail | undefined, notes: RepairNotes, wallMs: number) {
    this.#tables = tables;
    this.isRemoved = removedLogsOf(tables);
    this.#tail = tail;
    this.#notes = notes;
    this.#wallMs = wallMs;
    this.#readLogs();
    const nameOf = ({ name }: ChannelValue): string => name;
    const placeOf = ({ channel, name }: GroupValue): string => `${channel} ${name}`;
    const groupsComplete = collect(this.#tables, "grp", groupValue, placeOf, this.groups);
    const channelsComplete = collect(this.#tables, "channel", channelValue, nameOf, this.channels);
    // Also where nothing seems to be wrong: an empty page in the place of another looks sound.
    this.#groupsFromIndex(groupsComplete);
    this.#channelsFromIndex(channelsComplete);
    for (const { channel, id } of this.logs.values()) this.#ensureChannel(channel, id);
    for (const { channel } of this.groups.values()) this.#ensureChannel(channel, undefined);
  }

  /** The log of that number; put together where its row is gone. */
  log(id: number): LogValue {
    const known = this.logs.get(id) ?? this.#renumbered(id);
    if (known !== undefined) return known;
    const place = this.#freePlace(this.#placeOfLog(id));
    const made = { id, ...place, start: 0, end: 0, appendedAtMs: 0, lastCrc: 0 };
    this.logs.set(id, made);
    this.madeLogs.add(id);
    this.#ensureChannel(place.channel, id);
    this.#notes.add("channel", `log ${id} of channel ${this.nameOf(id)}: its row was put together`);
    return made;
  }

  /**
   * Where a log of which the row is gone began, by the index of its batches. Where that is not
   * whole either, nobody knows whether retention removed what is before the first batch that was
   * found, or whether it is lost: then it began at 0, and says what it misses.
   */
  firstBaseOf(id: number): number | undefined {
    const index = "sqlite_autoindex_batch_1";
    let first: number | undefined;
    for (const { log, base } of this.#tables.rows(index)) {
      if (log === id && typeof base === "number") first = Math.min(first ?? base, base);
    }
    if (this.#tables.isComplete(index)) return first;
    if (first !== 0) {
      const unknown = "where it began is lost, what it misses may have been removed by retention";
      this.#notes.add("channel", `log ${id} of channel ${this.nameOf(id)}: ${unknown}`);
    }
    return 0;
  }

  /** The group of that number; put together where its row is gone. */
  group(id: number, channel: number): GroupValue {
    const known = this.groups.get(id);
    if (known !== undefined) return known;
    const others = [...this.groups.values()].filter((group) => group.channel === channel);
    const name = freeName(`recovered-group-${id}`, others);
    const made = { id, channel, name, row: this.#newGroupRow() };
    this.groups.set(id, made);
    this.#notes.add("group", `group ${id}: its name is lost, it is called '${name}'`);
    return made;
  }

  /** Whether a channel's ranges are not those of its cursors: their number is lost. */
  isDividedAnew(channel: number): boolean {
    return this.#dividedAnew.has(channel);
  }

  /** Channel and priority of a log, for people. */
  nameOf(log: number): string {
    const { channel = 0, lane = normalLane } = this.logs.get(log) ?? {};
    const name = this.channels.get(channel)?.name ?? `channel ${channel}`;
    return `'${name}' (${priorities[lane] ?? "normal"})`;
  }

  /** Where the log ended and started, by the newest of all versions of its row. */
  #readLogs(): void {
    const placeOf = ({ channel, lane }: LogValue): string => `${channel} ${lane}`;
    collect(this.#tables, "log", logValue, placeOf, this.logs);
    for (const row of this.#tables.rowsOfAllVersions("log")) {
      const value = logValue(row);
      const known = value === undefined ? undefined : this.logs.get(value.id);
      if (value === undefined || known === undefined || value.end <= known.end) continue;
      this.logs.set(value.id, { ...value, start: Math.max(value.start, known.start) });
    }
  }

  /** Indexes name rows whose own page is gone. They have no checksums: only gaps are filled. */
  #channelsFromIndex(isComplete: boolean): void {
    const index = "sqlite_autoindex_channel_1";
    let unsound = 0;
    for (const { name, rowid } of this.#tables.rows(index)) {
      if (typeof name !== "string" || typeof rowid !== "number") unsound++;
      else if (!this.channels.has(rowid)) this.#channelFromIndex(rowid, name);
    }
    if (!isComplete) this.#nameUnknown("channel", index, unsound, this.channels.size);
  }

  /** No checksum covers the number of a row: where its index disagrees, what is used is right. */
  #channelFromIndex(id: number, name: string): void {
    const other = [...this.channels.values()].find((channel) => channel.name === name);
    if (other === undefined) return this.#addChannel(id, name, "its row is unreadable");
    const used = [...this.logs.values(), ...this.groups.values()].map(({ channel }) => channel);
    if (used.includes(other.id) || !used.includes(id)) return;
    this.channels.delete(other.id);
    this.channels.set(id, { ...other, id });
    this.#notes.add("channel", `channel '${name}': the number of its row was damaged`);
  }

  #groupFromIndex(id: number, channel: number, name: string): void {
    const other = [...this.groups.values()].find((group) => {
      return group.channel === channel && group.name === name;
    });
    if (other === undefined) {
      this.groups.set(id, { id, channel, name, row: this.#newGroupRow() });
      this.#notes.add("group", `group '${name}': its row was put together from an index`);
      return;
    }
    const used = [...this.#tables.rows("lease")].map(({ grp }) => grp);
    if (used.includes(other.id) || !used.includes(id)) return;
    this.groups.delete(other.id);
    this.groups.set(id, { ...other, id });
    this.#notes.add("group", `group '${name}': the number of its row was damaged`);
  }

  #groupsFromIndex(isComplete: boolean): void {
    const index = "sqlite_autoindex_grp_1";
    let unsound = 0;
    for (const { channel, name, rowid } of this.#tables.rows(index)) {
      if (typeof name !== "string" || typeof rowid !== "number" || typeof channel !== "number") {
        unsound++;
        continue;
      }
      if (!this.groups.has(rowid)) this.#groupFromIndex(rowid, channel, name);
    }
    if (!isComplete) this.#nameUnknown("group", index, unsound, this.groups.size);
  }

  /** Where the index does not tell either which rows there were, some may be missing unseen. */
  #nameUnknown(kind: "group" | "channel", index: string, unsound: number, found: number): void {
    if (unsound === 0 && found > 0 && this.#tables.isComplete(index)) return;
    this.#notes.add(kind, `pages of ${kind}s and of their index are lost: some may be missing`);
  }

  /** The row of a log that only its index knows by this number. */
  #renumbered(id: number): LogValue | undefined {
    const listed = [...this.#tables.rows("sqlite_autoindex_log_1")];
    const place = listed.find(({ rowid }) => rowid === id);
    const row = place && this.#logAt(place["channel"], place["lane"]);
    if (row === undefined || listed.some(({ rowid }) => rowid === row.id)) return undefined;
    const log = { ...row, id };
    this.logs.delete(row.id);
    this.logs.set(id, log);
    this.#notes.add("channel", `log ${id} of channel ${this.nameOf(id)}: its number was damaged`);
    return log;
  }

  #logAt(channel: unknown, lane: unknown): LogValue | undefined {
    return [...this.logs.values()].find((log) => log.channel === channel && log.lane === lane);
  }

  /** Two logs cannot have one place: what is surely stored gets a channel of its own. */
  #freePlace(place: { readonly channel: number; readonly lane: number }): typeof place {
    if (this.#logAt(place.channel, place.lane) === undefined) return place;
    return { ...place, channel: Math.max(0, ...this.channels.keys()) + 1 };
  }

  #placeOfLog(id: number): { readonly channel: number; readonly lane: number } {
    for (const { channel, lane, rowid } of this.#tables.rows("sqlite_autoindex_log_1")) {
      if (rowid !== id || typeof channel !== "number" || typeof lane !== "number") continue;
      return { channel, lane };
    }
    const listed = this.#tail?.logs.find(({ log }) => log === id);
    for (const channel of this.channels.values()) {
      if (channel.name === listed?.channel) return { channel: channel.id, lane: listed.lane };
    }
    const free = Math.max(0, ...this.channels.keys()) + 1;
    return { channel: free, lane: listed?.lane ?? normalLane };
  }

  #ensureChannel(id: number, log: number | undefined): void {
    if (this.channels.has(id)) return;
    const listed = this.#tail?.logs.find((entry) => entry.log === log);
    const isTaken = [...this.channels.values()].some(({ name }) => name === listed?.channel);
    const named = isTaken ? undefined : listed?.channel;
    const name = named ?? freeName(`recovered-channel-${id}`, [...this.channels.values()]);
    this.#addChannel(id, name, "its row is gone");
  }

  #addChannel(id: number, name: string, why: string): void {
    const partitions = this.#partitionsOf(id);
    this.channels.set(id, { id, name, partitions, retention: "{}", compression: "none" });
    this.#notes.add(
      "channel",
      `channel '${name}': ${why}; it has ${partitions} partitions and the default retention`,
    );
  }

  /** A group has a lease for each range of its channel. */
  #partitionsOf(channel: number): number {
    const groups = new Set<number>();
    for (const group of this.groups.values()) if (group.channel === channel) groups.add(group.id);
    let partitions = 0;
    let unsound = 0;
    for (const row of this.#tables.rows("lease")) {
      const lease = leaseValue(row);
      if (lease === undefined) unsound++;
      else if (groups.has(lease.group)) partitions = Math.max(partitions, lease.range + 1);
    }
    const isKnown = unsound === 0 && this.#tables.isComplete("lease") && partitions > 0;
    if (!isKnown) this.#dividedAnew.add(channel);
    return partitions === 0 ? partitionsDefault : partitions;
  }

  #newGroupRow(): SalvagedRow {
    // Seen now: retention must not pass a group of which nobody knows when it lived last.
    return { selection: "null", seen_at: this.#wallMs, dropped: 0 };
  }
}

/** `name`, or one that begins so and that nobody has. */
function freeName(name: string, taken: readonly { readonly name: string }[]): string {
  const names = new Set(taken.map((each) => each.name));
  let free = name;
  for (let number = 2; names.has(free); number++) free = `${name}-${number}`;
  return free;
}

/**
 * Rows of the newest state; where some are unreadable, older versions of these. Returns whether
 * all were readable.
 */
function collect<Value extends { readonly id: number }>(
  tables: Tables,
  table: string,
  valueOf: (row: SalvagedRow) => Value | undefined,
  placeOf: (value: Value) => string,
  into: Map<number, Value>,
): boolean {
  const taken = new Set<string>();
  const add = (value: Value): void => {
    // One that was removed, or has another number on an older page, is not there twice.
    if (into.has(value.id) || taken.has(placeOf(value))) return;
    taken.add(placeOf(value));
    into.set(value.id, value);
  };
  let unsound = 0;
  for (const row of tables.rows(table)) {
    const value = valueOf(row);
    if (value === undefined) unsound++;
    else add(value);
  }
  if (unsound === 0 && tables.isComplete(table)) return true;
  for (const row of tables.rowsOfAllVersions(table)) {
    const value = valueOf(row);
    if (value !== undefined) add(value);
  }
  return false;
}
