// The numbers behind bus.stats(): what the transport counts for all processes, joined with what
// this process counted, and the rates since the call before. Owns the previous sample, nothing
// else. Always true: rates use the injected clock's monotonic time.
import type { Clock } from "../kernel/clock.ts";
import type {
  ChannelStats,
  GroupStats,
  Limits,
  LogStats,
  Transport,
  Waiting,
} from "../ports/transport.ts";
import type { RequestStats } from "../requests/request-counters.ts";
import type { ChannelCounters, GroupCounters } from "../telemetry/counters.ts";

/** Everything a bus counts, at one moment. */
export interface BusStats {
  /** Publishes that wait for their receipt, and the bytes they hold. */
  readonly pending: { readonly count: number; readonly bytes: number };
  /** What this bus asked others, and what became of it. */
  readonly requests: RequestStats;
  readonly channels: readonly ChannelStatistics[];
}

/** One channel: over all processes first, then what this bus published to it. */
export interface ChannelStatistics {
  readonly channel: string;
  readonly partitions: number;
  /** Messages stored and not yet removed by retention. */
  readonly depth: number;
  /** Delayed messages not yet visible. */
  readonly delayed: number;
  readonly logs: readonly LogStats[];
  readonly groups: readonly GroupStatistics[];
  readonly published: number;
  readonly publishedBytes: number;
  readonly duplicates: number;
  readonly rejected: number;
  /** Of these: because the channel was full, and of these, because lower priorities are shed. */
  readonly refusedFull: number;
  readonly shed: number;
  /** Messages that waited for room in the full channel. */
  readonly waited: number;
  /** The channel's limits, and what counts towards them now; undefined where it has none. */
  readonly limits: Limits | undefined;
  readonly waiting: Waiting | undefined;
  /** Published by this bus, its handlers included, since the last stats(), per second. */
  readonly publishedPerSecond: number;
}

/** One group on one channel: over all processes first, then what this bus did for it. */
export interface GroupStatistics {
  readonly group: string;
  /** Messages not settled yet. */
  readonly depth: number;
  /** Of these: failed and waiting, or parked behind one that failed. */
  readonly open: number;
  /** Age of the oldest unsettled message in milliseconds. */
  readonly lagMs: number;
  /** Living members over all processes. */
  readonly members: number;
  /** Messages settled without a handler because their time had passed, since it was created. */
  readonly expired: number;
  /** Messages that retention removed before the group settled them, since it was created. */
  readonly dropped: number;
  /** Messages in gaps that the group passed: they were stored and are gone. */
  readonly lost: number;
  /**
   * Without members: when retention stops waiting for the group, or did, in wall milliseconds;
   * undefined while it has members, and on transports whose groups never expire.
   */
  readonly expiresAtMs: number | undefined;
  readonly delivered: number;
  readonly acked: number;
  readonly retried: number;
  readonly redelivered: number;
  /** Times that a message was set down behind a failed one of its key, to be read again. */
  readonly parked: number;
  readonly deadLettered: number;
  /** Acknowledged without having been handled, because an error policy said so. */
  readonly discarded: number;
  readonly invalid: number;
  /** Acknowledged without a handler, because a later message of their key took their place. */
  readonly coalesced: number;
  /** Settled although numbers before theirs, within their key, had not come. */
  readonly sequenceGaps: number;
  /** Settled after others with a higher number of their key. */
  readonly sequenceLate: number;
  /** Settled although their number had been settled before. */
  readonly sequenceDuplicates: number;
  readonly failed: number;
  readonly conflicts: number;
  readonly handlerTimeouts: number;
  /** From a message's time to its settlement here, since the bus was made; 0 before the first. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** Settled by this bus since the last stats(), per second. */
  readonly ackedPerSecond: number;
}

/** Where this process's own counters are found. */
export interface CounterSource {
  channelCounters(channel: string): ChannelCounters;
  groupCounters(channel: string, group: string): GroupCounters | undefined;
}

/** Joins and samples; one per bus. */
export class StatsReader {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #source: CounterSource;
  #sampledAtMs: number;
  /** Counters as of the last call, by channel, or by channel and group. */
  #sampled = new Map<string, number>();

  constructor(transport: Transport, clock: Clock, source: CounterSource) {
    this.#transport = transport;
    this.#clock = clock;
    this.#source = source;
    this.#sampledAtMs = clock.monotonicMs();
  }

  /** All channels of the transport, in its order. */
  async read(): Promise<readonly ChannelStatistics[]> {
    const channels = await this.#transport.stats();
    const nowMs = this.#clock.monotonicMs();
    const rates = new Rates((nowMs - this.#sampledAtMs) / 1_000, this.#sampled);
    const result = channels.map((channel) => this.#channel(channel, rates));
    this.#sampledAtMs = nowMs;
    this.#sampled = rates.sampled;
    return result;
  }

  #channel(stats: ChannelStats, rates: Rates): ChannelStatistics {
    const counters = this.#source.channelCounters(stats.channel);
    const { published } = counters;
    return {
      channel: stats.channel,
      partitions: stats.partitions,
      depth: stats.logs.reduce((sum, log) => sum + log.endOffset - log.startOffset, 0),
      delayed: stats.delayed,
      logs: stats.logs,
      groups: stats.groups.map((group) => this.#group(stats.channel, group, rates)),
      published,
      publishedBytes: counters.publishedBytes,
      duplicates: counters.duplicates,
      rejected: counters.rejected,
      refusedFull: counters.refusedFull,
      shed: counters.shed,
      waited: counters.waited,
      limits: stats.limits,
      waiting: stats.waiting,
      publishedPerSecond: rates.perSecond(stats.channel, published),
    };
  }

  #group(channel: string, stats: GroupStats, rates: Rates): GroupStatistics {
    const counters = this.#source.groupCounters(channel, stats.group);
    const acked = counters?.acked ?? 0;
    return {
      group: stats.group,
      depth: stats.depth,
      open: stats.open,
      lagMs: stats.lagMs,
      members: stats.members,
      expired: stats.expired,
      dropped: stats.dropped,
      lost: stats.lost,
      expiresAtMs: stats.expiresAtMs,
      delivered: counters?.delivered ?? 0,
      acked,
      retried: counters?.retried ?? 0,
      redelivered: counters?.redelivered ?? 0,
      parked: counters?.parked ?? 0,
      deadLettered: counters?.deadLettered ?? 0,
      discarded: counters?.discarded ?? 0,
      invalid: counters?.invalid ?? 0,
      coalesced: counters?.coalesced ?? 0,
      sequenceGaps: counters?.sequenceGaps ?? 0,
      sequenceLate: counters?.sequenceLate ?? 0,
      sequenceDuplicates: counters?.sequenceDuplicates ?? 0,
      failed: counters?.failed ?? 0,
      conflicts: counters?.conflicts ?? 0,
      handlerTimeouts: counters?.handlerTimeouts ?? 0,
      latencyMs: latencyOf(counters),
      // A name cannot contain a slash, so that the two parts cannot run together.
      ackedPerSecond: rates.perSecond(`${channel}/${stats.group}`, acked),
    };
  }
}

function latencyOf(counters: GroupCounters | undefined): { p50: number; p99: number } {
  if (counters === undefined || counters.latency.count === 0) return { p50: 0, p99: 0 };
  return { p50: counters.latency.percentile(50), p99: counters.latency.percentile(99) };
}

/** The growth of counters between two samples. */
class Rates {
  readonly sampled = new Map<string, number>();
  readonly #seconds: number;
  readonly #before: ReadonlyMap<string, number>;

  constructor(seconds: number, before: ReadonlyMap<string, number>) {
    this.#seconds = seconds;
    this.#before = before;
  }

  perSecond(name: string, value: number): number {
    this.sampled.set(name, value);
    if (this.#seconds <= 0) return 0;
    return (value - (this.#before.get(name) ?? 0)) / this.#seconds;
  }
}
