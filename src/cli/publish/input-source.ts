// Where records come from: a file, or standard input. It reads in chunks and says how many bytes it
// has read, so that progress can be told; it never holds more than a few chunks.
import { createReadStream, statSync } from "node:fs";
import type { Readable } from "node:stream";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { CommandIo } from "../command.ts";

/** Bytes read at once from a file: as many as one batch holds. */
const chunkBytes = 262_144;

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
  const bytes = stats.isFile() ? stats.size : undefined;
  return { name: path, bytes, chunks: createReadStream(path, { highWaterMark: chunkBytes }) };
}
