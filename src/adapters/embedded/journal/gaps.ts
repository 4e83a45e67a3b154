// Gaps (docs/adr/0006): ranges of offsets whose messages are gone, by an accepted loss or because
// repair found them unreadable. Rows that are written once and read seldom. Always true: an offset
// within a gap is never given to another message.
import type { GapReason } from "../../../ports/gap.ts";
import { checkRowCrc } from "./format-crc.ts";
import { gapCrc, metaCrc } from "./row-checksums.ts";
import type { Writer } from "./writer.ts";

/** A row of the table `gap`. */
export interface GapRow {
  readonly log: number;
  readonly base: number;
  readonly count: number;
  readonly reason: GapReason;
  readonly noted_at: number;
  readonly crc: number;
}

/** Columns of a GapRow. */
export const gapColumns = "log, base, count, reason, noted_at, crc";

/** Throws JOURNAL_DAMAGED unless the row is as it was written. */
export function checkGap({ log, base, count, reason, noted_at, crc }: GapRow): void {
  checkRowCrc("a gap", crc, [log, base, count, reason, noted_at]);
}

/** Writes a gap; inside a transaction. */
export function insertGap(writer: Writer, gap: Omit<GapRow, "crc">): void {
  const { log, base, count, reason, noted_at: notedAtMs } = gap;
  const crc = gapCrc(log, base, count, reason, notedAtMs);
  const sql = `INSERT INTO gap (${gapColumns}) VALUES (?, ?, ?, ?, ?, ?)`;
  writer.run(sql, log, base, count, reason, notedAtMs, crc);
}

/** A log that was lost with its row: where it ended, kept until the log is made again. */
interface LostLog {
  readonly end: number;
  readonly notedAtMs: number;
}

/** Stands for every log that is not named; of a log nobody knows more than that it ended below. */
export const anyLog = "lost/*";

/** The name of the meta row of a lost log. */
export function lostLogName(channel: string, lane: number): string {
  return `lost/${channel}/${lane}`;
}

/** Keeps where a lost log ended; inside a transaction. */
export function keepLostLog(writer: Writer, name: string, lost: LostLog): void {
  const value = JSON.stringify(lost);
  const sql = "INSERT OR REPLACE INTO meta (name, value, crc) VALUES (?, ?, ?)";
  writer.run(sql, name, value, metaCrc(name, value));
}

/** Where a log that is made now must start, because one of its name was lost; undefined: at 0. */
export function lostLog(writer: Writer, channel: string, lane: number): LostLog | undefined {
  const lost = [lostLogName(channel, lane), anyLog].flatMap((name) => {
    const row = writer.one<{ value: string; crc: number }>(
      "SELECT value, crc FROM meta WHERE name = ?",
      name,
    );
    if (row === undefined) return [];
    checkRowCrc("a meta row", row.crc, [name, row.value]);
    return JSON.parse(row.value) as LostLog;
  });
  return lost.sort((left, right) => right.end - left.end)[0];
}
