// Where a group or reader starts: turns "earliest", "latest", an offset or a time into an offset
// of one log, by looking at batch rows only. Reads, never writes; any connection may lend its
// statements. Always true: without a batch at or after the place asked for, it is the log's end.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { StartPosition } from "../../../ports/transport.ts";

/** One log, as far as a start position needs it. */
export interface LogSpan {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** Finds the last batch of a log whose base is not above an offset. */
export type BatchAtOrBefore = (
  log: number,
  offset: number,
) => { readonly base: number; readonly count: number; readonly appended_at: number } | undefined;

/** The statement behind a BatchAtOrBefore: log, offset → base, count, appended_at. */
export const batchAtOrBeforeSql =
  "SELECT base, count, appended_at FROM batch WHERE log = ? AND base <= ? " +
  "ORDER BY base DESC LIMIT 1";

/**
 * The offset from which `log` is read. `normal` is the channel's log of normal priority: an
 * offset counts in it, and other logs start at the time at which that offset was stored.
 */
export function resolveStart(
  from: StartPosition,
  log: LogSpan,
  normal: LogSpan | undefined,
  find: BatchAtOrBefore,
): number {
  if (from === "earliest") return log.start;
  if (from === "latest") return log.end;
  if ("timeMs" in from) return offsetOfTime(whole("timeMs", from.timeMs), log, find);
  const offset = whole("offset", from.offset);
  if (log.id === normal?.id) return offset;
  if (normal === undefined) return log.end;
  // First: an empty log ends where it starts, and its first offset stands for everything.
  if (offset <= normal.start) return log.start;
  if (offset >= normal.end) return log.end;
  const batch = find(normal.id, offset);
  return batch === undefined ? log.start : offsetOfTime(batch.appended_at, log, find);
}

/** The base of the first batch stored at or after a time; bisects, for times never go back. */
function offsetOfTime(timeMs: number, log: LogSpan, find: BatchAtOrBefore): number {
  let low = log.start;
  let high = log.end;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const batch = find(log.id, middle);
    if (batch === undefined || batch.appended_at < timeMs) {
      low = batch === undefined ? middle + 1 : Math.max(batch.base + batch.count, middle + 1);
    } else {
      high = Math.max(batch.base, low);
    }
  }
  return Math.min(low, log.end);
}

function whole(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return Math.floor(value);
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `start position: ${name} is ${String(value)}: give a number, 0 or more`,
  );
}
