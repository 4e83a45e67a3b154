// The file `tail` beside the database (docs/adr/0006): where the journal must end, written after
// each commit and never before it. Not SQLite's: it may be opened by path. Always true: a commit
// that the file names was durable before; the file is never cut, and its bytes are written in
// place, so that a full disk does not stop it.
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { encodeCopied, readCopied, readSlot, slotBytes, type Tail } from "./tail-format.ts";

const fileBytes = 3 * slotBytes;
/** How often a file is read that somebody is writing both slots of. */
const readsMax = 5;

/** The path of a journal's tail. */
export function tailPath(directory: string): string {
  return join(directory, "tail");
}

/** What was found in place of a tail. */
export interface TailReading {
  readonly state: "missing" | "unreadable" | "read";
  /** The later of the two slots; undefined unless `state` is "read". */
  readonly tail: Tail | undefined;
  /** The commit up to which the write-ahead log was copied; 0 where nobody knows. */
  readonly copied: number;
}

/** Reads the tail of a journal, which others may be writing. */
export function readTail(directory: string): TailReading {
  const nothing = { tail: undefined, copied: 0 };
  let file: number;
  try {
    file = openSync(tailPath(directory), constants.O_RDONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { state: "missing", ...nothing };
    return { state: "unreadable", ...nothing };
  }
  try {
    for (let read = 0; read < readsMax; read++) {
      const reading = readSlots(file);
      if (reading !== undefined) return reading;
    }
  } catch {
    // An I/O error: what the file says is not known, and the database may still be sound.
  } finally {
    closeSync(file);
  }
  return { state: "unreadable", ...nothing };
}

function readSlots(file: number): TailReading | undefined {
  const bytes = new Uint8Array(fileBytes);
  readSync(file, bytes, 0, fileBytes, 0);
  const slots = [0, 1].flatMap((slot) => {
    return readSlot(bytes.subarray(slot * slotBytes, (slot + 1) * slotBytes)) ?? [];
  });
  const tail = slots.sort((left, right) => right.commit - left.commit)[0];
  if (tail === undefined) return undefined;
  const copied = readCopied(bytes.subarray(2 * slotBytes), tail.incarnation);
  return { state: "read", tail, copied };
}

/** The tail of an open journal. */
export class TailFile {
  readonly #file: number;

  private constructor(file: number) {
    this.#file = file;
  }

  /** Opens the file, made where it is missing; `slot` fills one that holds nothing yet. */
  static open(directory: string, slot: Uint8Array): TailFile {
    const file = openSync(tailPath(directory), constants.O_RDWR | constants.O_CREAT, 0o644);
    try {
      if (fstatSync(file).size < fileBytes) create(file, directory, slot);
      return new TailFile(file);
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /** Writes the slot of this commit. */
  write(slot: Uint8Array, commit: number): void {
    writeSync(this.#file, slot, 0, slotBytes, (commit % 2) * slotBytes);
  }

  /** Writes both slots: what they said before counts no longer. */
  replace(slot: Uint8Array): void {
    writeSync(this.#file, slot, 0, slotBytes, 0);
    writeSync(this.#file, slot, 0, slotBytes, slotBytes);
  }

  /** Notes that everything up to this commit was copied into the database. */
  writeCopied(incarnation: string, commit: number): void {
    writeSync(this.#file, encodeCopied(incarnation, commit), 0, slotBytes, 2 * slotBytes);
  }

  /** Waits until what was written is on the disk. */
  sync(): void {
    fdatasyncSync(this.#file);
  }

  /** Closes the file. */
  close(): void {
    closeSync(this.#file);
  }
}

/** Several processes may do so at once: each writes what is true at its own moment. */
function create(file: number, directory: string, slot: Uint8Array): void {
  const bytes = new Uint8Array(fileBytes);
  bytes.set(slot, 0);
  bytes.set(slot, slotBytes);
  writeSync(file, bytes, 0, fileBytes, 0);
  fsyncSync(file);
  const folder = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
