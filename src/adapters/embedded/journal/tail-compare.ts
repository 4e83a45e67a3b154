// What a journal lacks of what its tail says it must have (docs/adr/0006). Pure. Always true: what
// is called missing was acknowledged, or may have been; a journal that is ahead of its tail lacks
// nothing.
import { type Priority, priorities } from "../../../message/envelope.ts";
import { isRemoved } from "./removed-rows.ts";
import type { Tail, TailLog } from "./tail-format.ts";

/** Where a journal ends by its own account. */
export interface JournalEnd {
  readonly incarnation: string;
  readonly commit: number;
  readonly logs: readonly TailLog[];
}

/** Offsets that were stored and are not there. */
export interface MissingRange {
  readonly channel: string;
  readonly priority: Priority;
  /** The log's number in the journal. */
  readonly log: number;
  /** First missing offset. */
  readonly fromOffset: number;
  /** First offset behind them. */
  readonly toOffset: number;
  /** Whether the tail named this log; if not, the messages end at `toOffset` at the latest. */
  readonly exact: boolean;
}

/** See the head of this file. */
export interface TailDifference {
  /** The tail belongs to another journal, or to another life of this one. */
  readonly otherIncarnation: boolean;
  /** How many commits are missing at the end. */
  readonly commits: number;
  readonly missing: readonly MissingRange[];
}

/**
 * Compares; nothing missing and the same incarnation: sound. Logs that are not there were removed
 * with their channels where their number is not above `removedUpTo`.
 */
export function compareTail(tail: Tail, now: JournalEnd, removedUpTo: number): TailDifference {
  if (tail.incarnation !== now.incarnation) {
    return { otherIncarnation: true, commits: 0, missing: [] };
  }
  const commits = Math.max(0, tail.commit - now.commit);
  const ends = new Map(now.logs.map((log) => [log.log, log]));
  const missing = tail.logs.flatMap((log) => {
    const found = ends.get(log.log);
    if (found === undefined ? log.log <= removedUpTo : isRemoved(found.channel)) return [];
    const fromOffset = endOf(found, log);
    return fromOffset < log.end ? [rangeOf(log, fromOffset, log.end, true)] : [];
  });
  if (now.commit < tail.unlistedCommit) {
    const listed = new Set(tail.logs.map(({ log }) => log));
    for (const log of now.logs) {
      if (listed.has(log.log) || log.end >= tail.unlistedEnd || isRemoved(log.channel)) continue;
      missing.push(rangeOf(log, log.end, tail.unlistedEnd, false));
    }
  }
  return { otherIncarnation: false, commits, missing };
}

/** Another channel may have taken the number of a log that is lost. */
function endOf(now: TailLog | undefined, then: TailLog): number {
  return now?.channel === then.channel && now.lane === then.lane ? now.end : 0;
}

function rangeOf(log: TailLog, fromOffset: number, toOffset: number, exact: boolean): MissingRange {
  const priority = priorities[log.lane] ?? "normal";
  return { channel: log.channel, priority, log: log.log, fromOffset, toOffset, exact };
}
