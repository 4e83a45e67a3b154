// Copies the batches of all logs. They never change, so each slice is a short read of its own, and
// what an interrupted backup has copied stays. Always true: a batch in the copy matched its
// checksum when it was copied; offsets that could not be copied stand in `backup_hole`.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { batchCrc } from "../journal/format-crc.ts";
import type { BackupCopy } from "./backup-copy.ts";
import type { BadRange } from "./check-copy.ts";
import type { LogState, SourceJournal } from "./source-journal.ts";
import type { Row } from "./statements.ts";

/** Bytes of batches that one slice copies; a larger batch is copied alone. */
export const sliceBytesMax = 2_097_152;
/** Most batches in one slice. */
export const sliceBatchesMax = 128;

const columns = "base, count, appended_at, previous_crc, crc, given, place, data";
const ofSlice =
  "batch WHERE log = ? AND base >= ? AND base < ? ORDER BY base LIMIT " + String(sliceBatchesMax);

/** How far one log is copied. */
interface LogCopy {
  readonly id: number;
  /** Everything before this offset is copied, is a hole, or is gone from the source. */
  next: number;
  /** The checksum of the batch that ends at `next`, if that batch is known. */
  lastCrc: number | undefined;
}

/** See the head of this file. */
export class BatchCopier {
  /** Bytes and batches copied so far. */
  bytes = 0;
  batches = 0;
  /** First offset copied by this object, by log. */
  readonly copiedFrom: Map<number, number> = new Map();
  readonly #source: SourceJournal;
  readonly #copy: BackupCopy;
  readonly #logs = new Map<number, LogCopy>();

  constructor(source: SourceJournal, copy: BackupCopy) {
    this.#source = source;
    this.#copy = copy;
  }

  /** Compares the ends of what is copied with the source; throws BACKUP_CONFLICT. */
  assertSameHistory(): void {
    this.#source.snapshot(() => {
      for (const { id, start, end } of this.#source.logs()) {
        const last = this.#lastCopied(id);
        if (last === undefined || last.base < start) continue;
        const same = this.#source.rows.one(
          "SELECT crc FROM batch WHERE log = ? AND base = ?",
          id,
          last.base,
        );
        if (same !== undefined && Number(same[0]) === last.crc && last.end <= end) continue;
        throw new SpillwayError(
          "BACKUP_CONFLICT",
          `the backup in ${this.#copy.directory} holds a batch at offset ${last.base} of log ` +
            `${id} that the journal does not have, or has with other content: it has lost ` +
            "messages. Keep the backup, and give another directory; nothing was changed",
          { details: { log: id, offset: last.base } },
        );
      }
    });
  }

  /** Tries again what could not be copied before. */
  retryHoles(): void {
    const holes = this.#copy.rows.all("SELECT log, base, count, reason FROM backup_hole");
    for (const [log, base, count, reason] of holes) {
      this.#copy.write(() => this.#retry(Number(log), Number(base), Number(count), String(reason)));
    }
  }

  #retry(log: number, base: number, count: number, reason: string): void {
    this.#copy.rows.run("DELETE FROM backup_hole WHERE log = ? AND base = ?", log, base);
    const part = { id: log, next: base, lastCrc: undefined };
    while (this.#slice(part, base + count)) continue;
    const there = ["backup_hole", "batch"].some((table) =>
      this.#copy.rows.one(`SELECT 1 FROM ${table} WHERE log = ? AND base = ?`, log, base),
    );
    // Retention has removed it meanwhile.
    if (!there) this.#note(log, base, count, reason);
  }

  /** Batches of the copy that are not what was copied: removed, and copied anew if possible. */
  replace({ log, from, to, reason }: Omit<BadRange, "ofBatches">): void {
    const sql = "DELETE FROM batch WHERE log = ? AND base >= ? AND base < ?";
    this.#copy.rows.run(sql, log, from, to);
    this.#retry(log, from, to - from, reason);
  }

  /** Bytes that are not copied yet; an estimate by offsets. */
  bytesLeft(): number {
    return this.#source.snapshot(() => {
      let bytes = 0;
      for (const log of this.#source.logs()) {
        const { next } = this.#logCopy(log);
        const offsets = log.end - log.start;
        if (offsets > 0) bytes += log.bytes * ((log.end - Math.max(next, log.start)) / offsets);
      }
      return bytes;
    });
  }

  /** Copies about `bytesMax`, slice by slice, up to where the logs end now. */
  async copyRound(bytesMax: number, sliceDone: () => Promise<void>): Promise<void> {
    const bytesEnd = this.bytes + bytesMax;
    const logs = this.#source.snapshot(() => this.#source.logs());
    for (const log of logs) {
      const part = this.#logCopy(log);
      while (this.bytes < bytesEnd && this.#copy.write(() => this.#slice(part, log.end))) {
        await sliceDone();
      }
    }
  }

  /** Copies what is left, inside the final snapshot of the source. */
  copyRest(): void {
    for (const log of this.#source.logs()) {
      const part = this.#logCopy(log);
      while (this.#slice(part, log.end)) continue;
    }
  }

  /** Removes what retention has removed from the source. */
  removeObsolete(logs: readonly LogState[]): void {
    for (const { id, start } of logs) {
      this.#copy.rows.run("DELETE FROM batch WHERE log = ? AND base < ?", id, start);
      this.#copy.rows.run("DELETE FROM backup_hole WHERE log = ? AND base + count <= ?", id, start);
    }
  }

  #logCopy({ id }: LogState): LogCopy {
    const known = this.#logs.get(id);
    if (known !== undefined) return known;
    const last = this.#lastCopied(id);
    const hole = this.#copy.rows.number(
      "SELECT max(base + count) FROM backup_hole WHERE log = ?",
      id,
    );
    const copiedEnd = last?.end ?? 0;
    const lastCrc = copiedEnd >= hole ? last?.crc : undefined;
    const log: LogCopy = { id, next: Math.max(copiedEnd, hole), lastCrc };
    this.#logs.set(id, log);
    return log;
  }

  #lastCopied(log: number): { base: number; end: number; crc: number } | undefined {
    const row = this.#copy.rows.one(
      "SELECT base, count, crc FROM batch WHERE log = ? ORDER BY base DESC LIMIT 1",
      log,
    );
    if (row === undefined) return undefined;
    const [base = 0, count = 0, crc = 0] = row.map(Number);
    return { base, end: base + count, crc };
  }

  /** Copies some batches of a log before `end`; whether there may be more. */
  #slice(log: LogCopy, end: number): boolean {
    return this.#source.snapshot(() => {
      const sql = "SELECT start FROM log WHERE id = ?";
      const start = this.#source.rows.number(sql, log.id);
      if (start > log.next) {
        // Retention went past what was copied: there is nothing to chain to.
        log.next = start;
        log.lastCrc = undefined;
      }
      if (log.next >= end) return false;
      const rows = this.#read(log.id, log.next, end);
      for (const row of rows) this.#take(log, row);
      // Nothing is left before `end`, so what is missing there is gone.
      if (rows.length === 0) this.#missing(log, end);
      return log.next < end;
    });
  }

  #read(log: number, from: number, end: number): Row[] {
    try {
      const heads = this.#source.rows.all(
        `SELECT base, length(data) FROM ${ofSlice}`,
        log,
        from,
        end,
      );
      let bytes = 0;
      const over = heads.findIndex((head) => (bytes += Number(head[1])) > sliceBytesMax);
      const last = heads[over < 0 ? heads.length - 1 : Math.max(0, over - 1)];
      if (last === undefined) return [];
      const until = Number(last[0]) + 1;
      return this.#source.rows.all(`SELECT ${columns} FROM ${ofSlice}`, log, from, until);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return this.#readOneByOne(log, from, end);
    }
  }

  /** Some page cannot be read: finds the batches by the index alone. */
  #readOneByOne(log: number, from: number, end: number): Row[] {
    try {
      const bases = this.#source.rows.all(`SELECT base FROM ${ofSlice}`, log, from, end);
      return bases.map(([base = null]) => {
        try {
          const sql = `SELECT ${columns} FROM batch WHERE log = ? AND base = ?`;
          return this.#source.rows.one(sql, log, base) ?? [base];
        } catch (error) {
          if (isUnreadable(error)) return [base];
          throw error;
        }
      });
    } catch (error) {
      if (isUnreadable(error)) return [];
      throw error;
    }
  }

  #take(log: LogCopy, row: Row): void {
    const [base = 0, count = 0, appendedAtMs = 0, previousCrc = 0, crc = 0] = row
      .slice(0, 5)
      .map(Number);
    const data = row[7];
    if (base > log.next) this.#missing(log, base);
    const head = { log: log.id, base, count, appendedAtMs, previousCrc };
    if (!(data instanceof Uint8Array)) {
      return this.#hole(log, this.#endAfter(log.id, base), "cannot be read");
    }
    if (batchCrc(head, data) !== crc) {
      return this.#hole(log, this.#endAfter(log.id, base), "does not match its checksum");
    }
    if (log.lastCrc !== undefined && log.lastCrc !== previousCrc) {
      this.#note(log.id, base, 0, "follows another batch than the one stored");
    }
    this.#copy.rows.run(
      `INSERT INTO batch (log, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      log.id,
      ...row,
    );
    if (!this.copiedFrom.has(log.id)) this.copiedFrom.set(log.id, base);
    this.bytes += data.byteLength;
    this.batches++;
    log.next = base + count;
    log.lastCrc = crc;
  }

  /** Where the batch at `base` ends: its own count may be what is damaged. */
  #endAfter(log: number, base: number): number {
    const sql = "SELECT base FROM batch WHERE log = ? AND base > ? ORDER BY base LIMIT 1";
    const next = this.#source.rows.one(sql, log, base);
    if (next !== undefined) return Number(next[0]);
    return this.#source.rows.number("SELECT end FROM log WHERE id = ?", log);
  }

  /** Offsets before `end` that have no batch: a gap that the source knows, or a hole. */
  #missing(log: LogCopy, end: number): void {
    for (const [base, count] of this.#gaps(log.id, log.next, end)) {
      if (base > log.next) this.#hole(log, base, "is missing");
      log.next = Math.max(log.next, base + count);
      log.lastCrc = undefined;
    }
    if (log.next < end) this.#hole(log, end, "is missing");
  }

  #gaps(log: number, from: number, end: number): (readonly [base: number, count: number])[] {
    if (this.#source.format < 2) return [];
    const rows = this.#source.rows.all(
      "SELECT base, count FROM gap WHERE log = ? AND base < ? AND base + count > ? ORDER BY base",
      log,
      end,
      from,
    );
    return rows.map(([base, count]) => [Number(base), Number(count)]);
  }

  #hole(log: LogCopy, end: number, reason: string): void {
    this.#note(log.id, log.next, end - log.next, reason);
    log.next = end;
    log.lastCrc = undefined;
  }

  #note(log: number, base: number, count: number, reason: string): void {
    const sql = "REPLACE INTO backup_hole (log, base, count, reason) VALUES (?, ?, ?, ?)";
    this.#copy.rows.run(sql, log, base, count, reason);
  }
}

/** Whether SQLite could not read a page; anything else is no reason to leave a batch out. */
function isUnreadable(error: unknown): boolean {
  const code = error instanceof SpillwayError ? error.code : "";
  return code === "JOURNAL_DAMAGED" || code === "JOURNAL_IO";
}
