// The row of a log as statements give it, and its check. Always true: a row that passes is the one
// that was written for this channel and lane.
import { checkRowCrc } from "./format-crc.ts";

/** Columns of a row of `log`. */
export interface LogRow {
  readonly id: number;
  readonly channel: number;
  readonly lane: number;
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
  readonly appended_at: number;
  readonly last_crc: number;
  readonly crc: number;
}

/** Throws JOURNAL_DAMAGED unless the row matches its checksum; `channel` names it. */
export function checkLogRow(channel: string, row: object): void {
  const { lane, start, end, bytes, appended_at, last_crc, crc, ...rest } = row as LogRow;
  const columns = [rest.channel, lane, start, end, bytes, appended_at, last_crc];
  checkRowCrc(`the log of channel '${channel}'`, crc, columns);
}
