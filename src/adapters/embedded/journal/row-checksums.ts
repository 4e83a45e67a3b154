// Which columns the checksum of each small row covers. Always true: a column that decides what is
// delivered, fenced or counted is covered; writer and readers use the same function.
import { crc32 } from "node:zlib";
import { rowCrc } from "./format-crc.ts";

/** Row of meta. */
export function metaCrc(name: string, value: string): number {
  return rowCrc([name, value]);
}

/** Row of channel. */
export function channelCrc(
  name: string,
  partitions: number,
  retention: string,
  compression: string,
): number {
  return rowCrc([name, partitions, retention, compression]);
}

/** Row of log. */
export function logCrc(
  channel: number,
  lane: number,
  start: number,
  end: number,
  bytes: number,
  appendedAtMs: number,
  lastCrc: number,
): number {
  return rowCrc([channel, lane, start, end, bytes, appendedAtMs, lastCrc]);
}

/** Row of grp. */
export function groupCrc(channel: number, name: string, selection: string): number {
  return rowCrc([channel, name, selection]);
}

/** Row of cursor. */
export function cursorCrc(group: number, log: number, range: number, position: number): number {
  return rowCrc([group, log, range, position]);
}

/** Row of cursor_copy; tagged, so that no row of cursor passes for one. */
export function cursorCopyCrc(group: number, log: number, range: number, position: number): number {
  return rowCrc(["copy", group, log, range, position]);
}

/** Row of open. */
export function openCrc(
  group: number,
  log: number,
  range: number,
  base: number,
  entries: Uint8Array,
): number {
  return rowCrc([group, log, range, base], entries);
}

/** Row of gap. */
export function gapCrc(
  log: number,
  base: number,
  count: number,
  reason: string,
  notedAtMs: number,
): number {
  return rowCrc([log, base, count, reason, notedAtMs]);
}

/** Row of lease; tagged, so that none passes for one of cursor, which has as many numbers. */
export function leaseCrc(group: number, range: number, epoch: number, member: number): number {
  return rowCrc(["lease", group, range, epoch, member]);
}

/** Row of state. */
export function stateCrc(
  group: number,
  table: string,
  key: string,
  version: number,
  value: string,
): number {
  // Written out: of all rows these are by far the most frequent. The same text as rowCrc() makes.
  return crc32(`${group}\u0000${table}\u0000${key}\u0000${version}\u0000${value}`);
}

/** Row of doubt. */
export function doubtCrc(
  channel: number,
  lane: number,
  base: number,
  end: number,
  notedAtMs: number,
): number {
  return rowCrc([channel, lane, base, end, notedAtMs]);
}

/** Row of timer. */
export function timerCrc(
  channel: number,
  lane: number,
  dueAtMs: number,
  acceptedAtMs: number,
  data: Uint8Array,
): number {
  return rowCrc([channel, lane, dueAtMs, acceptedAtMs], data);
}
