// Channels, logs and groups of a damaged journal. A row that is unreadable is put together from
// older versions of its page, from the indexes and from the tail file; what nobody knows any more
// gets a name that says so. Always true: everything that batches, cursors or state refer to has a
// row here in the end.
import type { Tail } from "../../journal/tail-format.ts";
import { priorities } from "../../../../message/envelope.ts";
import type { RepairNotes } from "../repair-report.ts";
import { removedLogsOf } from "./own-tail.ts";
import {
  type ChannelValue,
  channelValue,
  type GroupValue,
  groupValue,
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
    const groupsComplete = collect(this.#tables, "grp", groupValue, this.groups);
    const channelsComplete = collect(this.#tables, "channel", channelValue, this.channels);
    // Also where nothing seems to be wrong: an empty page in the place of another looks sound.
    this.#groupsFromIndex(groupsComplete);
    this.#channelsFromIndex(channelsComplete);
    for (const { channel, id } of this.logs.values()) this.#ensureChannel(channel, id);
    for (const { channel } of this.groups.values()) this.#ensureChannel(channel, undefined);
  }

  /** The log of that number; put together where its row is gone. */
  log(id: number): LogValue {
    const known = this.logs.get(id);
    if (known !== undefined) return known;
    const place = this.#placeOfLog(id);
    const made = { id, ...place, start: 0, end: 0, appendedAtMs: 0, lastCrc: 0 };
    this.logs.set(id, made);
    this.madeLogs.add(id);
    this.#ensureChannel(place.channel, id);
    this.#notes.add("channel", `log ${id} of channel ${this.nameOf(id)}: its row was put together`);
    return made;
  }

  /** Where a log of which the row is gone began, by the index of its batches. */
  firstBaseOf(id: number): number | undefined {
    let first: number | undefined;
    for (const { log, base } of this.#tables.rows("sqlite_autoindex_batch_1")) {
      if (log === id && typeof base === "number") first = Math.min(first ?? base, base);
    }
    return first;
  }

  /** The group of that number; put together where its row is gone. */
  group(id: number, channel: number): GroupValue {
    const known = this.groups.get(id);
    if (known !== undefined) return known;
    const name = `recovered-group-${id}`;
    const made = { id, channel, name, row: this.#newGroupRow() };
    this.groups.set(id, made);
    this.#notes.add("group", `group ${id}: its name is lost, it is called '${name}'`);
    return made;
  }

  /** Channel and priority of a log, for people. */
  nameOf(log: number): string {
    const { channel = 0, lane = normalLane } = this.logs.get(log) ?? {};
    const name = this.channels.get(channel)?.name ?? `channel ${channel}`;
    return `'${name}' (${priorities[lane] ?? "normal"})`;
  }

  /** Where the log ended and started, by the newest of all versions of its row. */
  #readLogs(): void {
    collect(this.#tables, "log", logValue, this.logs);
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
      else if (!this.channels.has(rowid)) this.#addChannel(rowid, name, "its row is unreadable");
    }
    if (!isComplete) this.#nameUnknown("channel", index, unsound, this.channels.size);
  }

  #groupsFromIndex(isComplete: boolean): void {
    const index = "sqlite_autoindex_grp_1";
    let unsound = 0;
    for (const { channel, name, rowid } of this.#tables.rows(index)) {
      if (typeof name !== "string" || typeof rowid !== "number" || typeof channel !== "number") {
        unsound++;
        continue;
      }
      if (this.groups.has(rowid)) continue;
      this.groups.set(rowid, { id: rowid, channel, name, row: this.#newGroupRow() });
      this.#notes.add("group", `group '${name}': its row was put together from an index`);
    }
    if (!isComplete) this.#nameUnknown("group", index, unsound, this.groups.size);
  }

  /** Where the index does not tell either which rows there were, some may be missing unseen. */
  #nameUnknown(kind: "group" | "channel", index: string, unsound: number, found: number): void {
    if (unsound === 0 && found > 0 && this.#tables.isComplete(index)) return;
    this.#notes.add(kind, `pages of ${kind}s and of their index are lost: some may be missing`);
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
    const name = listed?.channel ?? `recovered-channel-${id}`;
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
    for (const { grp, range } of this.#tables.rows("lease")) {
      if (typeof grp !== "number" || typeof range !== "number" || !groups.has(grp)) continue;
      partitions = Math.max(partitions, range + 1);
    }
    return partitions === 0 ? partitionsDefault : partitions;
  }

  #newGroupRow(): SalvagedRow {
    // Seen now: retention must not pass a group of which nobody knows when it lived last.
    return { selection: "null", seen_at: this.#wallMs, dropped: 0 };
  }
}

/**
 * Rows of the newest state; where some are unreadable, older versions of these. Returns whether
 * all were readable.
 */
function collect<Value extends { readonly id: number }>(
  tables: Tables,
  table: string,
  valueOf: (row: SalvagedRow) => Value | undefined,
  into: Map<number, Value>,
): boolean {
  let unsound = 0;
  for (const row of tables.rows(table)) {
    const value = valueOf(row);
    if (value === undefined) unsound++;
    else into.set(value.id, value);
  }
  if (unsound === 0 && tables.isComplete(table)) return true;
  for (const row of tables.rowsOfAllVersions(table)) {
    const value = valueOf(row);
    if (value !== undefined && !into.has(value.id)) into.set(value.id, value);
  }
  return false;
}
