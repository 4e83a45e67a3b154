// What removed channels leave behind: names that say so, and a mark under which no number is given
// again, because whoever remembers a number must never meet another row under it. Always true: a
// channel, log or group that is not there, and whose number is not above the mark, was removed.
import { metaCrc } from "./row-checksums.ts";
import type { Writer } from "./writer.ts";

/** Begins the name of a removed channel: no name that a channel may have begins so. */
export const removedPrefix = "~";

/** Whether this is what is left of a removed channel. */
export function isRemoved(channel: string): boolean {
  return channel.startsWith(removedPrefix);
}

/** The row of meta that has the mark. */
export const removedUpToRow = "removed-up-to";

/** The mark, as a statement reads it. */
export const removedUpToSql = `SELECT value FROM meta WHERE name = '${removedUpToRow}'`;

/** The highest number among those of removed rows; 0 where nothing was removed. */
export function removedUpTo(writer: Writer): number {
  return Number(writer.one<{ value: string }>(removedUpToSql)?.value ?? 0);
}

/** The number of a new row; inside a transaction. */
export function nextNumber(writer: Writer, table: "channel" | "log" | "grp"): number {
  const row = writer.one<{ highest: number | null }>(`SELECT max(id) AS highest FROM ${table}`);
  return Math.max(row?.highest ?? 0, removedUpTo(writer)) + 1;
}

/** Notes that rows up to this number are removed; inside the same transaction. */
export function raiseRemoved(writer: Writer, number: number): void {
  if (number <= removedUpTo(writer)) return;
  setMeta(writer, removedUpToRow, String(number));
}

/** Writes a row of meta that need not be there. */
export function setMeta(writer: Writer, name: string, value: string): void {
  const sql = "INSERT OR REPLACE INTO meta (name, value, crc) VALUES (?, ?, ?)";
  writer.run(sql, name, value, metaCrc(name, value));
}
