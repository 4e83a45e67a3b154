// Where a new group starts in each log of its channel. A pure function over the logs.
import type { Priority } from "../../message/envelope.ts";
import type { StartPosition } from "../../ports/transport.ts";
import type { MemoryLog } from "./memory-log.ts";

/**
 * Where a group starts in one log. An offset counts in the normal priority's log; the others start
 * at the time at which that offset was stored.
 */
export function startIn(priority: Priority, from: StartPosition, normal: MemoryLog): StartPosition {
  if (typeof from === "string" || "timeMs" in from || priority === "normal") return from;
  if (from.offset <= normal.startOffset) return "earliest";
  if (from.offset >= normal.endOffset) return "latest";
  return { timeMs: normal.appendedAtMs(from.offset) };
}
