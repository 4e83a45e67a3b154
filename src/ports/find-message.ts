// Looks for one message in the logs of a channel, by reading them. Used where nothing remembers
// where it is. Always true: what was stored before the call, and is kept, is found.
import { isCanonicalUuid } from "../kernel/id.ts";
import { priorities, type Priority } from "../message/envelope.ts";
import type { DelayedIdentity } from "./delayed.ts";
import { type Gap, isGap } from "./gap.ts";
import type { StartPosition, StoredBatch } from "./transport.ts";

/** Clocks of processes may differ by so much. */
const clockSlackMs = 60_000;

/** Reads a channel's log of one priority up to its end as of now. */
export type ReadChannel = (options: {
  readonly from: StartPosition;
  readonly priority: Priority;
  readonly signal?: AbortSignal;
}) => AsyncIterable<StoredBatch | Gap>;

/** Whether a channel's logs hold that message; throws the reason where `signal` aborts. */
export async function isInLog(
  read: ReadChannel,
  message: DelayedIdentity,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const from = startFor(message.id);
  for (const priority of priorities) {
    const options = signal === undefined ? { from, priority } : { from, priority, signal };
    for await (const batch of read(options)) {
      signal?.throwIfAborted();
      if (!isGap(batch) && holds(batch, message)) return true;
    }
  }
  signal?.throwIfAborted();
  return false;
}

/** An id made here tells when its message was published; it was stored no earlier. */
function startFor(id: string): StartPosition {
  const isDated = isCanonicalUuid(id) && id[14] === "7";
  if (!isDated) return "earliest";
  const publishedAtMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return { timeMs: Math.max(0, publishedAtMs - clockSlackMs) };
}

function holds(batch: StoredBatch, { id, source, tenant }: DelayedIdentity): boolean {
  for (let index = 0; index < batch.count; index++) {
    if (batch.idAt(index) !== id || batch.templateAt(index).source !== source) continue;
    if (tenant === undefined || batch.attributesAt(index).tenant === tenant) return true;
  }
  return false;
}
