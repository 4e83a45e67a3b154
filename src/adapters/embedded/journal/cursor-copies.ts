// A second copy of each cursor, for the repair of a journal whose first one is unreadable. Knows
// which cursors this process moved, not why. Always true: a copy is a position that was committed
// and whose checksum was right, never one from a transaction that may still be rolled back; no
// cursor is behind its copy unless it was moved back.
import { cursorCopyCrc, cursorCrc } from "./row-checksums.ts";
import type { Writer } from "./writer.ts";

/** Most copies that one transaction refreshes. */
export const copiesAtOnce = 256;
/** Most cursors that wait for their turn; a further one is noted when it moves again. */
export const copiesWaitingMax = 65_536;
/** Shortest time between two refreshes of this process. */
export const copyMs = 3_000;

/** Which cursor. */
export interface CursorPlace {
  readonly group: number;
  readonly log: number;
  readonly range: number;
}

/** See the head of this file. */
export class CursorCopies {
  readonly #writer: Writer;
  readonly #moved = new Map<number, CursorPlace>();

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  /** How many cursors wait to be copied. */
  get waiting(): number {
    return this.#moved.size;
  }

  /** A cursor is being moved; `key` tells it from all others. */
  moving(key: number, place: CursorPlace): void {
    if (this.#moved.size < copiesWaitingMax) this.#moved.set(key, place);
  }

  /** Copies those that moved, the longest waiting ones first; inside a transaction. */
  refresh(): void {
    let left = copiesAtOnce;
    for (const [key, place] of this.#moved) {
      if (left-- === 0) return;
      this.#copy(place);
      this.#moved.delete(key);
    }
  }

  #copy({ group, log, range }: CursorPlace): void {
    const cursor = this.#writer.one<{ position: number; crc: number }>(
      "SELECT position, crc FROM cursor WHERE grp = ? AND log = ? AND range = ?",
      group,
      log,
      range,
    );
    // A damaged cursor must not replace its copy; whoever reads it next reports it.
    if (cursor === undefined) return;
    const { position, crc } = cursor;
    if (cursorCrc(group, log, range, position) !== crc) return;
    this.#writer.run(
      "REPLACE INTO cursor_copy (grp, log, range, position, crc) VALUES (?, ?, ?, ?, ?)",
      group,
      log,
      range,
      position,
      cursorCopyCrc(group, log, range, position),
    );
  }
}
