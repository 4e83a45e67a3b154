// Cursors of which only the copy is left: an empty page in the place of theirs looks sound to
// SQLite, since no index leads to them. Always true: cursor and copy are deleted in one
// transaction, so that a copy without its cursor is damage.
import type { Snapshot } from "../inspection/snapshot.ts";

/** Copies that are looked at. */
const copiesMax = 51_200;
/** Lost cursors that are named. */
const namedMax = 5;

const lostSql =
  "SELECT grp, log, range FROM " +
  `(SELECT grp, log, range FROM cursor_copy LIMIT ${copiesMax}) AS copy ` +
  "WHERE NOT EXISTS (SELECT 1 FROM cursor WHERE cursor.grp = copy.grp " +
  `AND cursor.log = copy.log AND cursor.range = copy.range) LIMIT ${namedMax}`;

/** What is wrong, one line each. */
export function lostCursors(snapshot: Snapshot): string[] {
  return snapshot.read<{ grp: number; log: number; range: number }>(lostSql).rows.map((row) => {
    return `the cursor of group ${row.grp} in log ${row.log}, range ${row.range}, is gone`;
  });
}
