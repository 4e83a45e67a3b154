// What a unit counts once it has taken effect, and the telemetry of units. Knows nothing of
// handlers. Always true: work that a refused unit threw away is counted only as a refusal.
import type { OutgoingBatch } from "../message/outgoing-batch.ts";
import type { CommitUnit, ReusedId } from "../ports/commit-unit.ts";
import type { AppendResult } from "../ports/delivery-batch.ts";
import {
  diagnostics,
  type LeaseDiagnostics,
  type PublishDiagnostics,
  type SettleDiagnostics,
} from "../telemetry/channels.ts";
import type { ChannelCounters } from "../telemetry/counters.ts";
import type { DeliveryParts, Refusal } from "./delivery-parts.ts";
import type { SequenceStanding } from "./sequences/key-position.ts";

/** Most latencies recorded of one batch in a unit, nearly. */
const latencySamplesMax = 128;

/** Counts of one unit. */
export class Tally {
  retried = 0;
  parked = 0;
  deadLettered = 0;
  discarded = 0;
  invalid = 0;
  expired = 0;
  coalesced = 0;
  gaps = 0;
  late = 0;
  duplicates = 0;

  /** Counts what a message's number said, if it said something. */
  count({ kind }: SequenceStanding): void {
    if (kind === "gap") this.gaps++;
    else if (kind === "late") this.late++;
    else if (kind === "duplicate") this.duplicates++;
  }

  /** Takes over the counts of another. */
  add(other: Tally): void {
    this.retried += other.retried;
    this.parked += other.parked;
    this.deadLettered += other.deadLettered;
    this.discarded += other.discarded;
    this.invalid += other.invalid;
    this.expired += other.expired;
    this.coalesced += other.coalesced;
    this.gaps += other.gaps;
    this.late += other.late;
    this.duplicates += other.duplicates;
  }
}

/** Counts a unit that took effect. */
export function reportCommitted(
  { environment, options }: DeliveryParts,
  tally: Tally,
  unit: CommitUnit,
  appended: readonly AppendResult[],
): void {
  const { counters, clock } = environment;
  counters.retried += tally.retried;
  counters.parked += tally.parked;
  counters.deadLettered += tally.deadLettered;
  counters.discarded += tally.discarded;
  counters.invalid += tally.invalid;
  counters.coalesced += tally.coalesced;
  counters.sequenceGaps += tally.gaps;
  counters.sequenceLate += tally.late;
  counters.sequenceDuplicates += tally.duplicates;
  const nowMs = clock.wallMs();
  let acked = 0;
  for (const { batch, records, outcomes } of unit.settlements) {
    // Of a large batch a sample is recorded: neighbours differ by nothing that a percentile shows.
    const every = 1 + Math.floor(records.length / latencySamplesMax);
    if (outcomes === undefined) {
      acked += records.length;
      for (let index = every - 1; index < records.length; index += every) {
        counters.recordLatency(nowMs - batch.stored.timeAt(records[index] as number));
      }
      continue;
    }
    for (let index = 0; index < records.length; index++) {
      if (outcomes[index]?.kind !== "ack") continue;
      acked++;
      if (acked % every !== 0) continue;
      counters.recordLatency(nowMs - batch.stored.timeAt(records[index] as number));
    }
  }
  counters.acked += acked;
  for (const [index, batch] of unit.publishes.entries()) {
    countPublished(environment.countersOf(batch.channel), batch, appended[index]);
  }
  if (!diagnostics.settle.hasSubscribers) return;
  const published = unit.publishes.reduce((sum, batch) => sum + batch.count, 0);
  const { channel, group } = options;
  diagnostics.settle.publish({ channel, group, acked, published } satisfies SettleDiagnostics);
}

function countPublished(
  counters: ChannelCounters,
  { count, bytes }: OutgoingBatch,
  result: AppendResult | undefined,
): void {
  if (result?.isDropped === true) {
    counters.rejected += count;
    return;
  }
  const duplicates = result?.exceptions?.size ?? 0;
  const stored = count - duplicates;
  counters.duplicates += duplicates;
  counters.published += stored;
  if (stored > 0) counters.publishedBytes += bytes;
}

/** Counts messages with an id of their own that was given before. */
export function reportReused(
  { environment }: DeliveryParts,
  unit: CommitUnit,
  reused: readonly ReusedId[],
): void {
  for (const { publish, error } of reused) {
    const { channel, priority } = unit.publishes[publish] as OutgoingBatch;
    environment.countersOf(channel).rejected++;
    if (!diagnostics.publish.hasSubscribers) continue;
    const event: PublishDiagnostics = { channel, priority, count: 1, error };
    diagnostics.publish.publish(event);
  }
}

/** Counts a refused unit of `count` messages. */
export function reportRefused(
  { environment, options }: DeliveryParts,
  refusal: Refusal,
  count: number,
): void {
  if (refusal === "conflict") environment.counters.conflicts++;
  if (refusal !== "fenced" || !diagnostics.lease.hasSubscribers) return;
  const { channel, group } = options;
  diagnostics.lease.publish({ channel, group, count } satisfies LeaseDiagnostics);
}
