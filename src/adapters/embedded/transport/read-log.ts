// Reading without a group: batch after batch of one log, up to its end or on and on. Knows
// nothing of leases or cursors. Always true: nothing is held open between two batches.
import type { Clock } from "../../../kernel/clock.ts";
import { type Priority, priorities } from "../../../message/envelope.ts";
import { type Gap, gapEnd, isGap } from "../../../ports/gap.ts";
import { channelRemoved } from "../../../ports/removal.ts";
import type { StartPosition, StoredBatch } from "../../../ports/transport.ts";
import type { ChannelFeed } from "./channel-feed.ts";
import type { BatchReader } from "./reader.ts";
import { endOf, type LocatedBatch } from "./tracked-batch.ts";
import { TrimmedBatch } from "./trimmed-batch.ts";

/** Batches read before other work of the event loop gets its turn. */
const batchesPerTurn = 8;

/** What readLog() reads, from where, and until when. */
export interface ReadOptions {
  readonly clock: Clock;
  readonly reader: BatchReader;
  readonly feed: ChannelFeed;
  readonly channel: string;
  readonly priority: Priority;
  readonly from: StartPosition;
  readonly follow: boolean;
  readonly signal: AbortSignal | undefined;
  /** Throws once the transport is closed or has failed. */
  readonly assertOpen: () => void;
}

/** Yields batches and gaps; ends at the end of now, or when `signal` aborts. */
export async function* readLog(options: ReadOptions): AsyncGenerator<StoredBatch | Gap> {
  const { reader, feed, channel, priority, follow, signal, clock } = options;
  const lane = priorities.indexOf(priority);
  const lastEnd = feed.ends[lane] as number;
  let offset = startOf(options, lastEnd);
  for (let batches = 1; signal?.aborted !== true; batches++) {
    options.assertOpen();
    if (feed.isRemoved) throw channelRemoved(channel);
    const found =
      offset < (feed.ends[lane] as number) ? reader.at(channel, priority, offset) : undefined;
    if (found === undefined) {
      if (!follow) return;
      await nextChange(feed, signal);
      continue;
    }
    if (!follow && firstOf(found) >= lastEnd) return;
    yield isGap(found) ? found : from(found, offset);
    offset = isGap(found) ? gapEnd(found) : endOf(found);
    if (!follow && offset >= lastEnd) return;
    if (batches % batchesPerTurn === 0) {
      await new Promise<void>((resolve) => clock.soon(resolve));
    }
  }
}

function startOf({ from, reader, channel, priority }: ReadOptions, end: number): number {
  if (from === "earliest") return 0;
  if (from === "latest") return end;
  return "offset" in from ? from.offset : reader.offsetAtTime(channel, priority, from.timeMs);
}

function firstOf(found: LocatedBatch | Gap): number {
  return isGap(found) ? found.firstOffset : found.base;
}

/** The batch without the records before `offset`. */
function from(batch: StoredBatch, offset: number): StoredBatch {
  let first = 0;
  while (batch.offsetAt(first) < offset) first++;
  return first === 0 ? batch : new TrimmedBatch(batch, first);
}

function nextChange(feed: ChannelFeed, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      unlisten();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const unlisten = feed.listen(done);
    signal?.addEventListener("abort", done, { once: true });
  });
}
