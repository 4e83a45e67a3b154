// Reads what several processes noted, in the order of its times. Knows no rule. Always true: memory
// is one chunk for each file, however long they are; a line that a kill cut off does not count; a
// file that has come to its end can be read on when there is more.
import { closeSync, openSync, readSync } from "node:fs";
import type { HistoryEvent } from "spillway/testing";

const chunkBytes = 64 * 1024;

/** The notes of one process. */
class NoteFile {
  readonly #path: string;
  readonly #chunk = Buffer.allocUnsafe(chunkBytes);
  #file: number | undefined;
  #position = 0;
  /** What was read behind the last complete line. */
  #rest = Buffer.alloc(0);
  #lines: string[] = [];
  #at = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The next event, without taking it; undefined at the end. */
  peek(): HistoryEvent | undefined {
    while (this.#at === this.#lines.length && this.#read());
    const line = this.#lines[this.#at];
    return line === undefined ? undefined : (JSON.parse(line) as HistoryEvent);
  }

  take(): void {
    this.#at++;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #read(): boolean {
    try {
      this.#file ??= openSync(this.#path, "r");
    } catch {
      return false;
    }
    const length = readSync(this.#file, this.#chunk, 0, chunkBytes, this.#position);
    if (length === 0) return false;
    this.#position += length;
    const bytes = Buffer.concat([this.#rest, this.#chunk.subarray(0, length)]);
    const end = bytes.lastIndexOf("\n") + 1;
    this.#rest = bytes.subarray(end);
    this.#lines = bytes.toString("utf8", 0, end).split("\n").slice(0, -1);
    this.#at = 0;
    return true;
  }
}

/** See the head of this file. */
export class NoteFiles {
  readonly #files: readonly NoteFile[];

  constructor(paths: readonly string[]) {
    this.#files = paths.map((path) => new NoteFile(path));
  }

  /** What was noted since it was last read to the end. */
  *events(): Generator<HistoryEvent> {
    const heads = this.#files.map((file) => file.peek());
    for (;;) {
      let first = -1;
      for (const [index, head] of heads.entries()) {
        const firstAtMs = heads[first]?.atMs ?? Number.POSITIVE_INFINITY;
        if (head !== undefined && head.atMs < firstAtMs) first = index;
      }
      const event = heads[first];
      if (event === undefined) return;
      this.#files[first]?.take();
      heads[first] = this.#files[first]?.peek();
      yield event;
    }
  }

  close(): void {
    for (const file of this.#files) file.close();
  }
}

/** Everything that was noted in these files so far. */
export function* notedIn(...paths: readonly string[]): Generator<HistoryEvent> {
  const files = new NoteFiles(paths);
  try {
    yield* files.events();
  } finally {
    files.close();
  }
}
