// Finds the gaps of a log, for readers. Asked only where no batch holds an offset, so that journals
// without gaps pay nothing. Always true: every gap handed out matched its checksum.
import type { Priority } from "../../../message/envelope.ts";
import type { Gap } from "../../../ports/gap.ts";
import { checkGap, gapColumns, type GapRow } from "../journal/gaps.ts";
import type { ReadConnection, ReadStatement } from "./guarded-connection.ts";

/** A log, and what people call it. */
export interface LogName {
  readonly channel: string;
  readonly priority: Priority;
  readonly log: number;
}

/** See the head of this file. */
export class GapReader {
  readonly #selectBehind: ReadStatement;
  readonly #selectEnding: ReadStatement;

  constructor(connection: ReadConnection) {
    const select = `SELECT ${gapColumns} FROM gap WHERE log = ?`;
    this.#selectBehind = connection.prepare(`${select} AND base + count > ? ORDER BY base LIMIT 1`);
    this.#selectEnding = connection.prepare(`${select} AND base + count = ?`);
  }

  /** The gap that holds `offset`, from there on, or the first one after it. */
  firstBehind({ channel, priority, log }: LogName, offset: number): Gap | undefined {
    const row = this.#selectBehind.get(log, offset);
    if (row === undefined) return undefined;
    const { base, count, reason, noted_at: notedAtMs } = checked(row);
    const firstOffset = Math.max(base, offset);
    const rest = base + count - firstOffset;
    return { kind: "gap", channel, priority, firstOffset, count: rest, reason, notedAtMs };
  }

  /** Whether a gap ends just before this offset. */
  endsAt(log: number, offset: number): boolean {
    const row = this.#selectEnding.get(log, offset);
    return row !== undefined && checked(row).log === log;
  }
}

function checked(row: object): GapRow {
  checkGap(row as GapRow);
  return row as GapRow;
}
