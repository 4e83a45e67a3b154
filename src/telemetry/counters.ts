// The counters behind bus.stats(): plain numbers that delivery and the publisher raise per batch.
// They know nothing of rates or time; whoever reads them twice computes those. Always true: a
// counter only grows while its bus lives, and the memory of a latency histogram is fixed.
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Longest latency that is told apart, in milliseconds: a week. Longer ones count as this. */
export const latencyMsMax = 604_800_000;

/** What one group did with the messages of one channel, in this process. */
export class GroupCounters {
  /** Messages fetched for this group, repeats included. */
  delivered = 0;
  /** Messages settled for good, whatever the handler did with them. */
  acked = 0;
  /** Failures after which another attempt was scheduled. */
  retried = 0;
  /** Deliveries of a message that had been delivered before. */
  redelivered = 0;
  /** Times that a message was set down behind a failed one of its key. */
  parked = 0;
  /** Messages copied to the dead-letter channel. */
  deadLettered = 0;
  /** Messages acknowledged without having been handled, because an error policy said so. */
  discarded = 0;
  /** Messages copied to the invalid-message channel: data or type not understood. */
  invalid = 0;
  /** Messages acknowledged without a handler, because a later one of their key took their place. */
  coalesced = 0;
  /** Messages settled although numbers before theirs, within their key, had not come. */
  sequenceGaps = 0;
  /** Messages settled after others with a higher number of their key. */
  sequenceLate = 0;
  /** Messages whose number had been settled before. */
  sequenceDuplicates = 0;
  /** Handler calls that threw, timed out or returned something wrong. */
  failed = 0;
  /** Commit units refused because state had changed since it was read. */
  conflicts = 0;
  /** Handler calls that did not settle in time; part of `failed`. */
  handlerTimeouts = 0;
  /** From the message's time to its settlement, in whole milliseconds, at least 1. */
  readonly latency: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: latencyMsMax,
    figures: 2,
  });

  /** Records the end-to-end latency of one settled message; never throws. */
  recordLatency(latencyMs: number): void {
    if (!(latencyMs > 1)) this.latency.record(1);
    else this.latency.record(latencyMs >= latencyMsMax ? latencyMsMax : Math.round(latencyMs));
  }
}

/** What this process published to one channel, by calls and by handlers. */
export class ChannelCounters {
  /** Messages newly stored. */
  published = 0;
  /** Size of their encoded data; an estimate for text outside ASCII. */
  publishedBytes = 0;
  /** Messages that were stored before under the same id. */
  duplicates = 0;
  /** Messages that were not stored: refused, or their append failed. */
  rejected = 0;
  /** Of these: because the channel was full. */
  refusedFull = 0;
  /** Of these: because their priority is shed before others are refused. */
  shed = 0;
  /** Messages that a full channel refused at first, and that waited for room. */
  waited = 0;
}
