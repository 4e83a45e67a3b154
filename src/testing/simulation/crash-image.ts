// What a power cut leaves of a journal: its files as they were at one moment, with what was being
// written cut off at a byte. Opens the files of a journal by path, which drops the locks that
// SQLite holds on them: only for a journal whose every process ends in the same moment. Always
// true: what was committed before stays; what a commit was writing is there up to a byte, in the
// order in which SQLite wrote it.
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { databasePath, reservePath, walPath } from "../../adapters/embedded/journal/directory.ts";
import { reserveBytesMax } from "../../adapters/embedded/journal/reserve-file.ts";
import { tailPath } from "../../adapters/embedded/journal/tail-file.ts";

/** The three files of a journal, each with its bytes; undefined: it does not exist. */
export interface JournalFiles {
  readonly database: Uint8Array | undefined;
  readonly wal: Uint8Array | undefined;
  readonly tail: Uint8Array | undefined;
}

/** The files as they are now. */
export function takeFiles(directory: string): JournalFiles {
  return {
    database: bytesOf(databasePath(directory)),
    wal: bytesOf(walPath(directory)),
    tail: bytesOf(tailPath(directory)),
  };
}

/**
 * The files as a power cut within one commit left them: `share` (0 to 1) says how much of the write
 * had reached the disk. Once the commit was copied into the database it had been flushed before.
 */
export function tornFiles(before: JournalFiles, after: JournalFiles, share: number): JournalFiles {
  const { database, tail } = before;
  if (database === undefined || after.wal === undefined) return after;
  if (!isSame(database, after.database)) return after;
  return { database, tail, wal: tornLog(before.wal ?? new Uint8Array(), after.wal, share) };
}

function tornLog(before: Uint8Array, after: Uint8Array, share: number): Uint8Array {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = after.length;
  if (before.length === after.length) {
    while (end > start && before[end - 1] === after[end - 1]) end--;
  }
  const cut = start + Math.floor((end - start) * share);
  const torn = new Uint8Array(Math.max(cut, Math.min(before.length, after.length)));
  torn.set(after.subarray(0, cut));
  torn.set(before.subarray(cut, torn.length), cut);
  return torn;
}

function isSame(left: Uint8Array, right: Uint8Array | undefined): boolean {
  return right !== undefined && Buffer.compare(left, right) === 0;
}

/** Puts files into a new directory. */
export function putFiles(directory: string, files: JournalFiles): void {
  makeDirectory(directory);
  if (files.database !== undefined) writeFileSync(databasePath(directory), files.database);
  if (files.wal !== undefined) writeFileSync(walPath(directory), files.wal);
  if (files.tail !== undefined) writeFileSync(tailPath(directory), files.tail);
}

/** A directory for a journal, with a reserve that is whole and takes no time to be made. */
export function makeDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const reserve = openSync(reservePath(directory), "w");
  ftruncateSync(reserve, reserveBytesMax);
  closeSync(reserve);
}

function bytesOf(path: string): Uint8Array | undefined {
  return existsSync(path) ? readFileSync(path) : undefined;
}
