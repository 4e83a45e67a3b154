// Reading a log without a group: batch by batch, on and on where that is wanted. Holds nothing open
// between batches.
import type { Priority } from "../../message/envelope.ts";
import { channelRemoved } from "../../ports/removal.ts";
import type { StoredBatch } from "../../ports/transport.ts";
import type { MemoryChannel } from "./memory-channel.ts";

/** Most messages in one batch. */
const readMessagesMax = 1_000;

/** Batches of a log from `start` up to `end`, until one of the signals aborts. */
export async function* readOn(
  channel: MemoryChannel,
  priority: Priority,
  start: number,
  end: number,
  signals: readonly AbortSignal[],
): AsyncIterable<StoredBatch> {
  const log = channel.logs[priority];
  const signal = AbortSignal.any([...signals]);
  for (let at = start; !signal.aborted; ) {
    if (channel.isRemoved) throw channelRemoved(channel.declaration.name);
    // Retention may have removed what comes next.
    const from = Math.max(at, log.startOffset);
    if (from >= end) return;
    const count = Math.min(end, log.endOffset, from + readMessagesMax) - from;
    if (count > 0) yield log.batch(Array.from({ length: count }, (_, index) => from + index));
    else await channel.changed(signal);
    at = from + Math.max(0, count);
  }
}
