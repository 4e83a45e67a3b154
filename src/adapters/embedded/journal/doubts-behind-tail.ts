// What stands behind the tail: commits that were found in the database and of which the tail does
// not know. Whoever made them may have died before the tail was written, or have been told that
// nobody knows their end (docs/adr/0007); nobody can tell which. Knows nothing of repeats. Always
// true: a commit that failed and is there all the same lies in these ranges, and what lies there
// beside it loses nothing by being looked for.
import { timerLane } from "./dedupe-table.ts";
import type { Doubt } from "./engine.ts";
import type { Tail, TailLog } from "./tail-format.ts";
import { readLastTimer, readTailLogs } from "./tail-logs.ts";
import type { Writer } from "./writer.ts";

/**
 * Most messages of one log, and most delayed ones: the last ones. More than a transaction holds.
 * With relaxed durability the tail may be much further behind; a commit that failed is the last.
 */
export const doubtMessagesMax = 16_384;

/** Whether the journal has commits that the tail does not name; outside a transaction. */
export function isBehind(tail: Tail | undefined, writer: Writer): boolean {
  if (tail === undefined || tail.commit >= writer.commitNumber) return false;
  return tail.incarnation === writer.meta("incarnation");
}

/**
 * What was appended behind the tail. Inside a transaction that has appended nothing, so that of
 * every living process one commit at most is taken for doubtful that is not.
 */
export function doubtsBehind(tail: Tail | undefined, writer: Writer): Doubt[] {
  if (tail === undefined || tail.commit >= writer.commitNumber - 1) return [];
  if (tail.incarnation !== writer.meta("incarnation")) return [];
  const all = (sql: string): unknown[] => writer.all(sql);
  const ranges = readTailLogs(all).map(({ channel, lane, end, log }) => {
    const known = endAt(tail, { channel, lane, end, log });
    return { channel, lane, base: Math.max(known, end - doubtMessagesMax), end };
  });
  return [...ranges.filter(({ base, end }) => base < end), ...timersBehind(tail, writer)];
}

/** Where the log ended after the commit that the tail names, or a later end. */
function endAt(tail: Tail, { log, channel, lane }: TailLog): number {
  const listed = tail.logs.find((each) => each.log === log);
  if (listed?.channel === channel && listed.lane === lane) return listed.end;
  return listed === undefined ? tail.unlistedEnd : 0;
}

function timersBehind({ lastTimer }: Tail, writer: Writer): Doubt[] {
  const last = readLastTimer((sql) => writer.all(sql));
  const count = Math.min((last - lastTimer) >>> 0, doubtMessagesMax);
  if (count === 0) return [];
  const base = last - count + 1;
  const channels = writer.all<{ name: string }>(
    "SELECT DISTINCT channel.name FROM timer JOIN channel ON channel.id = timer.channel " +
      "WHERE timer.id >= ?",
    base,
  );
  return channels.map(({ name }) => ({ channel: name, lane: timerLane, base, end: last + 1 }));
}
