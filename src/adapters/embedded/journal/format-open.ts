// The list of open messages of one batch and range, as stored in one row: per entry the offset,
// the failures so far, the due time and the reason. Always true: decodeOpen() gives back what
// encodeOpen() was given, or throws JOURNAL_DAMAGED.
import type { OpenReason } from "../../../ports/commit-unit.ts";
import type { OpenEntry } from "../../../ports/transport.ts";
import { damaged } from "./format-layout.ts";

/** One open message. */
export interface OpenListEntry extends OpenEntry {
  readonly offset: number;
}

const openFormatVersion = 1;
const openHeaderBytes = 8;
const openEntryBytes = 16;
/** The index is the number stored; part of the format. */
const reasons: readonly OpenReason[] = ["retry", "parked", "in-flight"];

/** Encodes the entries of one batch; offsets are kept relative to the batch's base offset. */
export function encodeOpen(
  base: number,
  entries: readonly OpenListEntry[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(openHeaderBytes + entries.length * openEntryBytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, openFormatVersion, true);
  view.setUint32(4, entries.length, true);
  let at = openHeaderBytes;
  for (const entry of entries) {
    view.setUint32(at, entry.offset - base, true);
    view.setUint16(at + 4, Math.min(entry.attempt, 65_535), true);
    view.setUint8(at + 6, reasons.indexOf(entry.reason));
    view.setFloat64(at + 8, entry.dueAtMs, true);
    at += openEntryBytes;
  }
  return bytes;
}

/** Decodes a list; offsets are absolute again. */
export function decodeOpen(base: number, bytes: Uint8Array): OpenListEntry[] {
  const count = openCount(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: OpenListEntry[] = [];
  for (let index = 0; index < count; index++) {
    const at = openHeaderBytes + index * openEntryBytes;
    const reason = reasons[view.getUint8(at + 6)];
    if (reason === undefined) throw damaged(`an open list at offset ${base} has no such reason`);
    entries.push({
      offset: base + view.getUint32(at, true),
      attempt: view.getUint16(at + 4, true),
      dueAtMs: view.getFloat64(at + 8, true),
      reason,
    });
  }
  return entries;
}

/** How many entries a list has, without decoding them. */
export function openCount(bytes: Uint8Array): number {
  if (bytes.byteLength < openHeaderBytes) throw damaged("an open list is shorter than its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint16(0, true);
  const count = view.getUint32(4, true);
  if (version !== openFormatVersion) throw damaged(`open list format ${version} is unknown`);
  if (bytes.byteLength !== openHeaderBytes + count * openEntryBytes) {
    throw damaged(`an open list of ${bytes.byteLength} bytes says it has ${count} entries`);
  }
  return count;
}
