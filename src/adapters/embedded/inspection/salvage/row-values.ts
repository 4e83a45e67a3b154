// Rows of the small tables as salvaged: checked against their checksums and typed. Pure. Always
// true: what these functions return is what a writer of the journal stored.
import {
  channelCrc,
  cursorCopyCrc,
  cursorCrc,
  gapCrc,
  groupCrc,
  leaseCrc,
  logCrc,
  metaCrc,
  openCrc,
  stateCrc,
  timerCrc,
} from "../../journal/row-checksums.ts";
import type { SalvagedRow } from "./tables.ts";

/** A channel. */
export interface ChannelValue {
  readonly id: number;
  readonly name: string;
  readonly partitions: number;
  readonly retention: string;
  readonly compression: string;
}

/** A log. */
export interface LogValue {
  readonly id: number;
  readonly channel: number;
  readonly lane: number;
  readonly start: number;
  readonly end: number;
  readonly appendedAtMs: number;
  readonly lastCrc: number;
}

/** A group, with all columns of its row: some of them no checksum covers. */
export interface GroupValue {
  readonly id: number;
  readonly channel: number;
  readonly name: string;
  readonly row: SalvagedRow;
}

/** A range of offsets that is known to be gone. */
export interface GapValue {
  readonly log: number;
  readonly base: number;
  readonly count: number;
  readonly reason: string;
  readonly notedAtMs: number;
}

/** A cursor, or the copy of one. */
export interface CursorValue {
  readonly group: number;
  readonly log: number;
  readonly range: number;
  readonly position: number;
}

/** An open list. */
export interface OpenValue extends Omit<CursorValue, "position"> {
  readonly base: number;
  readonly entries: Uint8Array;
}

/** A delayed message. */
export interface TimerValue {
  readonly id: number;
  readonly channel: number;
  readonly lane: number;
  readonly dueAtMs: number;
  readonly acceptedAtMs: number;
  readonly data: Uint8Array;
}

const none = new Uint8Array();
/** Columns that are no numbers give NaN, which no checksum matches. */
const number = (row: SalvagedRow, name: string): number => {
  const value = row[name];
  return typeof value === "number" ? value : Number.NaN;
};
const text = (row: SalvagedRow, name: string): string => {
  const value = row[name];
  return typeof value === "string" ? value : "";
};
const bytes = (row: SalvagedRow, name: string): Uint8Array => {
  const value = row[name];
  return value instanceof Uint8Array ? value : none;
};

/** A row of meta. */
export function metaValue(row: SalvagedRow): { name: string; value: string } | undefined {
  const [name, value] = [text(row, "name"), text(row, "value")];
  return metaCrc(name, value) === row["crc"] ? { name, value } : undefined;
}

/** A row of channel. */
export function channelValue(row: SalvagedRow): ChannelValue | undefined {
  const [name, partitions] = [text(row, "name"), number(row, "partitions")];
  const [retention, compression] = [text(row, "retention"), text(row, "compression")];
  if (channelCrc(name, partitions, retention, compression) !== row["crc"]) return undefined;
  return { id: number(row, "id"), name, partitions, retention, compression };
}

/** A row of log. */
export function logValue(row: SalvagedRow): LogValue | undefined {
  const [channel, lane] = [number(row, "channel"), number(row, "lane")];
  const [start, end] = [number(row, "start"), number(row, "end")];
  const [appendedAtMs, lastCrc] = [number(row, "appended_at"), number(row, "last_crc")];
  const crc = logCrc(channel, lane, start, end, number(row, "bytes"), appendedAtMs, lastCrc);
  if (crc !== row["crc"]) return undefined;
  return { id: number(row, "id"), channel, lane, start, end, appendedAtMs, lastCrc };
}

/** A row of grp. */
export function groupValue(row: SalvagedRow): GroupValue | undefined {
  const [channel, name] = [number(row, "channel"), text(row, "name")];
  if (groupCrc(channel, name, text(row, "selection")) !== row["crc"]) return undefined;
  return { id: number(row, "id"), channel, name, row };
}

/** A row of cursor or of cursor_copy. */
export function cursorValue(row: SalvagedRow, isCopy: boolean): CursorValue | undefined {
  const [group, log] = [number(row, "grp"), number(row, "log")];
  const [range, position] = [number(row, "range"), number(row, "position")];
  const crc = (isCopy ? cursorCopyCrc : cursorCrc)(group, log, range, position);
  return crc === row["crc"] ? { group, log, range, position } : undefined;
}

/** A row of open. */
export function openValue(row: SalvagedRow): OpenValue | undefined {
  const [group, log] = [number(row, "grp"), number(row, "log")];
  const [range, base] = [number(row, "range"), number(row, "base")];
  const entries = bytes(row, "entries");
  if (openCrc(group, log, range, base, entries) !== row["crc"]) return undefined;
  return { group, log, range, base, entries };
}

/** A row of gap. */
export function gapValue(row: SalvagedRow): GapValue | undefined {
  const [log, base, count] = [number(row, "log"), number(row, "base"), number(row, "count")];
  const [reason, notedAtMs] = [text(row, "reason"), number(row, "noted_at")];
  if (gapCrc(log, base, count, reason, notedAtMs) !== row["crc"]) return undefined;
  return { log, base, count, reason, notedAtMs };
}

/** A row of lease. */
export function leaseValue(
  row: SalvagedRow,
): { readonly group: number; readonly range: number; readonly epoch: number } | undefined {
  const [group, range, epoch] = [number(row, "grp"), number(row, "range"), number(row, "epoch")];
  const crc = leaseCrc(group, range, epoch, number(row, "member"));
  return crc === row["crc"] ? { group, range, epoch } : undefined;
}

/** Whether a row of state belongs to this group and table, unchanged. */
export function isStateOf(row: SalvagedRow, group: number, table: string): boolean {
  const [key, version, value] = [text(row, "key"), number(row, "version"), text(row, "value")];
  return stateCrc(group, table, key, version, value) === row["crc"];
}

/** A row of timer. */
export function timerValue(row: SalvagedRow): TimerValue | undefined {
  const [channel, lane] = [number(row, "channel"), number(row, "lane")];
  const [dueAtMs, acceptedAtMs] = [number(row, "due_at"), number(row, "accepted_at")];
  const data = bytes(row, "data");
  if (timerCrc(channel, lane, dueAtMs, acceptedAtMs, data) !== row["crc"]) return undefined;
  return { id: number(row, "id"), channel, lane, dueAtMs, acceptedAtMs, data };
}
