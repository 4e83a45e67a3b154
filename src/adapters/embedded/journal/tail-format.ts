// One slot of the `tail` file (docs/adr/0006): what the journal held after a commit, in bytes.
// Pure; knows no file. Always true: a slot that decodes is one that was written whole; it names the
// most recently moved logs, as many as fit, and says how recently the others moved.
import { crc32 } from "node:zlib";

/** Bytes of a slot; the file has two of them, written in turn, and a third for `copied`. */
export const slotBytes = 4_096;

/** Where a log ended. The channel's name is kept, because the row that has it may be lost too. */
export interface TailLog {
  readonly log: number;
  readonly channel: string;
  readonly lane: number;
  readonly end: number;
}

/** What a slot says. */
export interface Tail {
  readonly incarnation: string;
  /** The number of the commit after which it was written. */
  readonly commit: number;
  readonly logs: readonly TailLog[];
  /** The latest commit that moved a log which found no room here; 0 when all did. */
  readonly unlistedCommit: number;
  /** The highest end of those logs. */
  readonly unlistedEnd: number;
  /** The number of the last delayed message accepted, modulo 2³²; 0 where nobody told. */
  readonly lastTimer: number;
}

const magic = 0x3154_5753; // "SWT1", the format of the slot
const copiedMagic = 0x3143_5753; // "SWC1"
const at = {
  magic: 0,
  crc: 4,
  used: 8,
  logs: 10,
  lastTimer: 12,
  commit: 16,
  unlistedCommit: 24,
  unlistedEnd: 32,
};
const incarnationAt = 40;
const incarnationBytesMax = 63;
const logsAt = incarnationAt + 1 + incarnationBytesMax;
/** A log's entry: end (f64), number (u32), lane (u8), length of the name (u8), name. */
const entryBytes = 14;

/** A slot that is filled once and then changed in place, so that a commit allocates nothing. */
export class TailSlot {
  readonly bytes: Uint8Array = new Uint8Array(slotBytes);
  readonly #view = new DataView(this.bytes.buffer);
  #used = logsAt;
  #logs = 0;
  /** What the checksum covers; made anew only when its length changes. */
  #covered = this.bytes.subarray(at.used, logsAt);

  constructor(incarnation: string) {
    this.#view.setUint32(at.magic, magic, true);
    writeText(this.bytes, incarnationAt, incarnation, incarnationBytesMax);
    this.#setUsed();
  }

  /** Takes every log out. */
  clear(): void {
    this.#used = logsAt;
    this.#logs = 0;
    this.#setUsed();
  }

  /** Adds a log; returns the place of its end for move(), or −1 where there is no room for it. */
  add(log: number, channel: string, lane: number, end: number): number {
    const start = this.#used;
    if (start + entryBytes + Buffer.byteLength(channel) > slotBytes) return -1;
    this.#view.setFloat64(start, end, true);
    this.#view.setUint32(start + 8, log, true);
    this.#view.setUint8(start + 12, lane);
    this.#used = writeText(this.bytes, start + 13, channel, 255);
    this.#logs++;
    this.#setUsed();
    return start;
  }

  /** Changes the end of a log that was added. */
  move(place: number, end: number): void {
    this.#view.setFloat64(place, end, true);
  }

  /** Says what is not listed. */
  unlisted(commit: number, end: number): void {
    this.#view.setFloat64(at.unlistedCommit, commit, true);
    this.#view.setFloat64(at.unlistedEnd, end, true);
  }

  /** Says which delayed message was the last. */
  lastTimer(id: number): void {
    this.#view.setUint32(at.lastTimer, id % 2 ** 32, true);
  }

  /** Completes the bytes for this commit. */
  seal(commit: number): Uint8Array {
    this.#view.setFloat64(at.commit, commit, true);
    this.#view.setUint32(at.crc, crc32(this.#covered), true);
    return this.bytes;
  }

  #setUsed(): void {
    this.#view.setUint16(at.used, this.#used, true);
    this.#view.setUint16(at.logs, this.#logs, true);
    this.#covered = this.bytes.subarray(at.used, this.#used);
  }
}

/** What a slot says; undefined where it was never written, or not whole. */
export function readSlot(bytes: Uint8Array): Tail | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength !== slotBytes || view.getUint32(at.magic, true) !== magic) return undefined;
  const used = view.getUint16(at.used, true);
  if (used < logsAt || used > slotBytes) return undefined;
  if (crc32(bytes.subarray(at.used, used)) !== view.getUint32(at.crc, true)) return undefined;
  const logs: TailLog[] = [];
  for (let entry = logsAt; entry < used; ) {
    const name = entry + 13;
    const end = name + 1 + (bytes[name] as number);
    logs.push({
      log: view.getUint32(entry + 8, true),
      channel: readText(bytes, name),
      lane: view.getUint8(entry + 12),
      end: view.getFloat64(entry, true),
    });
    entry = end;
  }
  return {
    incarnation: readText(bytes, incarnationAt),
    commit: view.getFloat64(at.commit, true),
    logs,
    unlistedCommit: view.getFloat64(at.unlistedCommit, true),
    unlistedEnd: view.getFloat64(at.unlistedEnd, true),
    lastTimer: view.getUint32(at.lastTimer, true),
  };
}

/** What is known to have been copied from the write-ahead log into the database, in bytes. */
export function encodeCopied(incarnation: string, commit: number): Uint8Array {
  const bytes = new Uint8Array(slotBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(at.magic, copiedMagic, true);
  view.setFloat64(at.commit, commit, true);
  writeText(bytes, incarnationAt, incarnation, incarnationBytesMax);
  view.setUint32(at.crc, crc32(bytes.subarray(at.used)), true);
  return bytes;
}

/** The commit up to which everything was copied, under this incarnation; 0 where nobody knows. */
export function readCopied(bytes: Uint8Array, incarnation: string): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength !== slotBytes) return 0;
  if (view.getUint32(at.magic, true) !== copiedMagic) return 0;
  if (crc32(bytes.subarray(at.used)) !== view.getUint32(at.crc, true)) return 0;
  return readText(bytes, incarnationAt) === incarnation ? view.getFloat64(at.commit, true) : 0;
}

/** Writes length and text; returns where it ends. */
function writeText(bytes: Uint8Array, start: number, text: string, bytesMax: number): number {
  const encoded = Buffer.from(text).subarray(0, bytesMax);
  bytes[start] = encoded.length;
  bytes.set(encoded, start + 1);
  return start + 1 + encoded.length;
}

function readText(bytes: Uint8Array, start: number): string {
  const end = start + 1 + (bytes[start] as number);
  return Buffer.from(bytes.subarray(start + 1, end)).toString("utf8");
}
