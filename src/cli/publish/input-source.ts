// Where records come from: a file, or standard input. It reads in chunks and says how many bytes it
// has read, so that progress can be told; it never holds more than a few chunks. Always true: it
// opens no file of a journal, for that would drop the locks of whoever has it open in this process.
import { createReadStream, realpathSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { CommandIo } from "../command.ts";

/** Bytes read at once from a file: as many as one batch holds. */
const chunkBytes = 262_144;

/** The files that SQLite keeps its locks on. */
const journalFile = /^journal\.db(-wal|-shm)?$/;

/** An open input. */
export interface InputSource {
  /** What to call it. */
  readonly name: string;
  /** Its size, where it has one. */
  readonly bytes: number | undefined;
  readonly chunks: Readable;
}

/** Opens a file by path; "-" or nothing is standard input. Throws INPUT_INVALID. */
export function openInput(path: string | undefined, io: CommandIo): InputSource {
  if (path === undefined || path === "-") {
    return { name: "standard input", bytes: undefined, chunks: io.stdin };
  }
  let stats: ReturnType<typeof statSync>;
  try {
    stats = statSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SpillwayError("INPUT_INVALID", `cannot read the input: ${reason}`, { cause });
  }
  if (stats.isDirectory()) {
    throw new SpillwayError("INPUT_INVALID", `'${path}' is a directory: give a file`);
  }
  if (journalFile.test(basename(realpathSync(path)))) {
    const message = `'${path}' is a file of a journal, and no input: give a file of records`;
    throw new SpillwayError("INPUT_INVALID", message, { details: { path } });
  }
  const bytes = stats.isFile() ? stats.size : undefined;
  return { name: path, bytes, chunks: createReadStream(path, { highWaterMark: chunkBytes }) };
}
