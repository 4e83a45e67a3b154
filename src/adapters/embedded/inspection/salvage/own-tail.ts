// What the tail file says of the journal that is repaired, and which logs were removed with their
// channels: their batches still stand in free pages, and must not come back. Always true: where
// rows of logs are unreadable, nothing counts as removed.
import { removedUpToRow } from "../../journal/removed-rows.ts";
import type { Tail } from "../../journal/tail-format.ts";
import { logValue, metaValue } from "./row-values.ts";
import type { Tables } from "./tables.ts";

/** The tail, unless it is another journal's; without the logs that were removed. */
export function ownTail(tail: Tail | undefined, tables: Tables): Tail | undefined {
  if (tail === undefined) return undefined;
  const incarnation = metaOf(tables, "incarnation");
  if (incarnation !== undefined && incarnation !== tail.incarnation) return undefined;
  const isRemoved = removedLogsOf(tables);
  return { ...tail, logs: tail.logs.filter(({ log }) => !isRemoved(log)) };
}

/** Tells whether a log was removed. */
export function removedLogsOf(tables: Tables): (log: number) => boolean {
  const removedUpTo = Number(metaOf(tables, removedUpToRow) ?? 0);
  const none = (): boolean => false;
  if (removedUpTo === 0 || !tables.isComplete("log")) return none;
  const there = new Set<number>();
  const places = new Set<string>();
  for (const row of tables.rows("log")) {
    const log = logValue(row);
    if (log === undefined) return none;
    there.add(log.id);
    places.add(`${log.channel} ${log.lane}`);
  }
  // No checksum covers the number of a row: the index may know the log by another.
  for (const { channel, lane, rowid } of tables.rows("sqlite_autoindex_log_1")) {
    const isThere = places.has(`${String(channel)} ${String(lane)}`);
    if (isThere && typeof rowid === "number" && !there.has(rowid)) return none;
  }
  return (log) => log <= removedUpTo && !there.has(log);
}

function metaOf(tables: Tables, name: string): string | undefined {
  for (const row of tables.rows("meta")) {
    const found = metaValue(row);
    if (found?.name === name) return found.value;
  }
  return undefined;
}
