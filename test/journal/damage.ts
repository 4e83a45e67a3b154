// Damages files of a journal that nobody has open, as failing disks do: flipped bits, zeroed pages,
// cut and missing files. Knows where things stand in a SQLite file, and nothing of what they mean.
import { closeSync, existsSync, fstatSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { truncateSync } from "node:fs";

/** Bytes of a page of the journal's database. */
export const pageBytes = 16_384;
/** Bytes before the first frame of a write-ahead log, and before the page of a frame. */
export const walHeaderBytes = 32;
export const frameHeaderBytes = 24;

/** A place in a file of the journal: "db" or "wal", from and to in bytes. */
export interface Place {
  readonly file: "db" | "wal";
  readonly from: number;
  readonly to: number;
}

/** The bytes of a frame's page in the write-ahead log. */
export function framePlace(frame: number): Place {
  const from = walHeaderBytes + frame * (pageBytes + frameHeaderBytes);
  return { file: "wal", from, to: from + pageBytes + frameHeaderBytes };
}

/** Changes one bit of a file. */
export function flipBit(path: string, byte: number, bit: number): void {
  edit(path, byte, 1, (bytes) => {
    bytes[0] = (bytes[0] as number) ^ (1 << bit);
  });
}

/** Overwrites part of a file with zeros. */
export function zero(path: string, from: number, length: number): void {
  edit(path, from, length, (bytes) => bytes.fill(0));
}

/** Cuts a file. */
export function truncate(path: string, length: number): void {
  truncateSync(path, length);
}

/** Removes a file. */
export function remove(path: string): void {
  rmSync(path);
}

/** The bytes of a file, or none. */
export function sizeOf(path: string): number {
  if (!existsSync(path)) return 0;
  const file = openSync(path, "r");
  try {
    return fstatSync(file).size;
  } finally {
    closeSync(file);
  }
}

function edit(path: string, from: number, length: number, change: (bytes: Buffer) => void): void {
  const file = openSync(path, "r+");
  try {
    const bytes = Buffer.alloc(length);
    const read = readSync(file, bytes, 0, length, from);
    change(bytes.subarray(0, read));
    writeSync(file, bytes, 0, read, from);
  } finally {
    closeSync(file);
  }
}
