// Reads a file of a journal by its path. Only processes that never hold a SQLite connection to that
// journal may use it: closing such a descriptor would drop SQLite's locks. Always true: nothing is
// written, and what lies behind the file's end reads as missing.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** An open file. */
export class RawFile {
  readonly #descriptor: number;
  readonly bytes: number;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.bytes = fstatSync(descriptor).size;
  }

  /** Opens a file; undefined where there is none. */
  static open(path: string): RawFile | undefined {
    try {
      return new RawFile(openSync(path, "r"));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /**
   * Bytes from a place on; fewer where the file ends. What the disk cannot read is zeros, as if it
   * had been overwritten.
   */
  read(at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.bytes - at)));
    let done = 0;
    while (done < bytes.byteLength) {
      const read = this.#readSome(bytes, done, at);
      if (read === 0) break;
      done += read;
    }
    return bytes;
  }

  /** Changes of the file show in these, for a check that nobody wrote meanwhile. */
  stamp(): string {
    const { size, mtimeMs } = fstatSync(this.#descriptor);
    return `${size} ${mtimeMs}`;
  }

  /** Closes the file. */
  close(): void {
    closeSync(this.#descriptor);
  }

  #readSome(bytes: Uint8Array, done: number, at: number): number {
    const length = bytes.byteLength - done;
    try {
      return readSync(this.#descriptor, bytes, done, length, at + done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
      // A bad sector: the rest of it is skipped, page by page of the operating system.
      return Math.min(length, sectorBytes - ((at + done) % sectorBytes));
    }
  }
}

const sectorBytes = 4_096;
