// What the tail file says of the journal that is repaired. Always true: a log that was removed
// with its channel is not looked for.
import { removedUpToRow } from "../../journal/removed-rows.ts";
import type { Tail } from "../../journal/tail-format.ts";
import { logValue, metaValue } from "./row-values.ts";
import type { Tables } from "./tables.ts";

/** The tail, unless it is another journal's. */
export function ownTail(tail: Tail | undefined, tables: Tables): Tail | undefined {
  if (tail === undefined) return undefined;
  let removedUpTo = 0;
  for (const row of tables.rows("meta")) {
    const found = metaValue(row);
    if (found?.name === "incarnation" && found.value !== tail.incarnation) return undefined;
    if (found?.name === removedUpToRow) removedUpTo = Number(found.value);
  }
  if (removedUpTo === 0 || !tables.isComplete("log")) return tail;
  const there = new Set<number>();
  for (const row of tables.rows("log")) {
    const log = logValue(row);
    // One whose row is damaged is not gone.
    if (log === undefined) return tail;
    there.add(log.id);
  }
  return { ...tail, logs: tail.logs.filter(({ log }) => log > removedUpTo || there.has(log)) };
}
