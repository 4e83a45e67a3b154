// The transport port: where messages are stored and how they reach groups of consumers. An adapter
// implements it; bus/ and delivery/ see nothing else of a broker or journal. The comments carry the
// semantics; the contract suite in testing/ checks them on every adapter.
import type { Clock } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import type { Priority } from "../message/envelope.ts";
import type { OutgoingBatch } from "../message/outgoing-batch.ts";
import type { Capabilities } from "./capabilities.ts";
import type { CommitResult, CommitUnit } from "./commit-unit.ts";
import type { AppendResult, DeliveryBatch, StoredBatch } from "./delivery-batch.ts";
import type { CancelOutcome, DelayedIdentity, DelayedPage } from "./delayed.ts";
import type { Gap } from "./gap.ts";
import type { RangeStanding, StandingQuery } from "./message-standing.ts";
import type { StateStore } from "./state-store.ts";

export type { AppendResult, DeliveryBatch, OpenEntry, StoredBatch } from "./delivery-batch.ts";

/** What the bus lends a transport when it opens it. */
export interface TransportEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  /** The bus's name; for diagnostics only. */
  readonly name: string;
}

/** How long and how much a channel keeps. Never removes what a living group has not settled. */
export interface Retention {
  /** Days after which a batch may be removed; default 7. */
  readonly days?: number;
  /** Bytes above which the oldest batches may be removed; default: no bound. */
  readonly bytes?: number;
  /** "keep" (default): unread messages stay. "drop": retention passes slow groups, counted. */
  readonly unread?: "keep" | "drop";
  /** Days after which a group without members counts as living no longer; default 30. */
  readonly groupDays?: number;
}

/**
 * How much may wait in a channel (docs/adr/0019): what the slowest living group has not settled,
 * and delayed messages; while no group lives, everything that is stored.
 */
export interface Limits {
  readonly depthMax?: number;
  /** As stored. One message of any size fits where nothing waits. */
  readonly bytesMax?: number;
  /** Whether lower priorities are refused at three and seven eighths of that; see limitShare(). */
  readonly isShedding?: boolean;
}

/** A channel as a transport sees it. */
export interface ChannelDeclaration {
  readonly name: string;
  /** Ranges (embedded) or partitions (brokers) by which a group's work is divided; 1 to 1,024. */
  readonly partitions: number;
  readonly retention: Retention;
  readonly compression: "none" | "zstd";
  /** Absent: no limits. */
  readonly limits?: Limits;
}

/**
 * Where a new group, or a reader, starts. An offset counts in the normal priority's log. Whoever
 * keeps an offset elsewhere keeps the transport's `incarnation` with it and gives both: offsets of
 * another history are refused with INCARNATION_CHANGED.
 */
export type StartPosition =
  | "earliest"
  | "latest"
  | { readonly offset: number; readonly incarnation?: string }
  | { readonly timeMs: number };

/** Options of a group's consumer. */
export interface ConsumerOptions {
  readonly channel: string;
  readonly group: string;
  /** Used only when the group is created. */
  readonly from: StartPosition;
  /** What the group reads (contract types, sorted), to detect conflicts; undefined: everything. */
  readonly types: readonly string[] | undefined;
}

/**
 * One member of a group: fetches deliveries and commits units. When its transport loses its disk or
 * connection, a consumer comes to its end: it owns nothing any more, and every call rejects with
 * TRANSPORT_INTERRUPTED (definite), but a commit under way with an error that is indefinite. The
 * transport opens itself again; whoever consumes joins anew through consume(), which waits until it
 * is open and hands out everything that is not settled, as after a crash.
 */
export interface Consumer {
  /**
   * Waits for the next deliveries: at most `messagesMax`, of one log, offsets ascending. Unsettled
   * messages of keys newly owned come before any later message of those keys. Resolves undefined
   * once the consumer is closed or `signal` aborts. One call at a time. Does not hold anything open
   * while it waits, and bounds nothing itself: the caller decides how much it fetches. A gap (see
   * gap.ts) is passed: nothing is delivered for it, the group's `lost` counts it. Logs are asked by
   * their priority, but each gets a turn; `first` is asked before the others this time.
   */
  next(
    messagesMax: number,
    signal: AbortSignal,
    first?: Priority,
  ): Promise<DeliveryBatch | undefined>;
  /** Whether this consumer still owns that record's key range; cheap, asked before each handler. */
  owns(batch: DeliveryBatch, record: number): boolean;
  /**
   * Changes whenever owns() may have become false for a record that was delivered as fresh; while
   * it stands still, nobody needs to ask for each of them. Undefined: always ask.
   */
  readonly ownershipVersion?: number | undefined;
  /**
   * Gives up a delivered record without settling it (after owns() said no, or on close). A record
   * is held from its delivery, or reload(), until a unit settled it, as "ack" or as "open", or it
   * is released. Key ranges that are asked back move on once nothing of them is held.
   */
  release(batch: DeliveryBatch, record: number): void;
  /**
   * Reads unsettled messages again whose payload was let go. Those that are not open or not owned
   * any more are left out. Result batches keep the order of offsets.
   */
  reload(priority: Priority, offsets: readonly number[]): Promise<readonly DeliveryBatch[]>;
  /** Commits; see CommitResult. Units take effect in the order of the calls. */
  commit(unit: CommitUnit): Promise<CommitResult>;
  /** Ends the poisoned state after a refused commit, once every refused unit was handed back. */
  resume(): void;
  /** Gives up ownership; what is unsettled is delivered to others at once. Idempotent. */
  close(): Promise<void>;
}

/** Counters of one log of a channel. */
export interface LogStats {
  readonly priority: Priority;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly bytes: number;
}

/** A group's progress on one channel. */
export interface GroupStats {
  readonly group: string;
  /** Messages not yet settled: behind the cursor's end plus open ones. */
  readonly depth: number;
  /** Of these: failed and waiting, or parked behind one that failed. */
  readonly open: number;
  /** Age of the oldest unsettled message in ms; 0 when there is none. */
  readonly lagMs: number;
  /** Living members over all processes. */
  readonly members: number;
  /** Messages settled without a handler because their time had passed, since it was created. */
  readonly expired: number;
  /** Messages that retention removed before the group settled them, since it was created. */
  readonly dropped: number;
  /** Messages in gaps that the group passed: they were stored and are gone. */
  readonly lost: number;
  /** Without members: since when, wall ms; undefined while it has members, or is not known. */
  readonly idleSinceMs?: number | undefined;
  /**
   * Without members: when retention stops waiting for the group, or did, wall ms; undefined while
   * it has members, and where groups never expire.
   */
  readonly expiresAtMs?: number | undefined;
}

/** A channel with its logs and groups. */
export interface ChannelStats {
  readonly channel: string;
  readonly partitions: number;
  readonly logs: readonly LogStats[];
  /** Delayed messages not yet visible. */
  readonly delayed: number;
  readonly groups: readonly GroupStats[];
  /** Absent: it has none. */
  readonly limits?: Limits;
  /** What counts towards the limits now; absent where there are none. */
  readonly waiting?: Waiting;
}

/** How full a channel with limits is. */
export interface Waiting {
  readonly depth: number;
  readonly bytes: number;
}

/** How a transport feels: "degraded" works with limits, "failed" does not work. */
export interface TransportHealth {
  readonly status: "ok" | "degraded" | "failed";
  /** One line per reason, for people. */
  readonly reasons: readonly string[];
}

/**
 * A message store with groups of consumers. Opened once by its bus, closed by its bus. A transport
 * that loses its disk or connection closes everything at once, says so in health(), and opens
 * itself again until it is closed: consumers come to their end, appends under way reject as
 * indefinite, and what is asked for meanwhile (declare, append, consume, read) waits until it is
 * open; only stats() and state reject with TRANSPORT_INTERRUPTED. Where going on would not be safe
 * (damage, another format), it stays failed, and everything rejects with the reason.
 */
export interface Transport {
  /** The adapter's folder name: "embedded", "memory" … */
  readonly name: string;
  readonly capabilities: Capabilities;
  /** The store that shares this transport's writer (atomicUnit), if it has one. */
  readonly state: StateStore | undefined;
  /**
   * Which history of its messages this is, once it is open: a restored backup has another one, and
   * offsets mean something only together with it. Undefined where the transport cannot tell.
   */
  readonly incarnation: string | undefined;
  /** How long it remembers given ids, in milliseconds; undefined: it does not say. */
  readonly dedupeWindowMs?: number;
  /** Connects; rejects with a clear error. Called once, before anything else. */
  open(environment: TransportEnvironment): Promise<void>;
  /** Creates the channel or checks it against the existing one (CHANNEL_CONFLICT). Idempotent. */
  declare(channel: ChannelDeclaration): Promise<void>;
  /**
   * Removes a channel with its messages, delayed ones included, its groups and their state. From
   * then on it is unknown, also to other processes: optional batches for it are dropped, whoever
   * follows it is told UNKNOWN_CHANNEL; declared anew it begins at offset 0. Rejects with
   * CHANNEL_IN_USE while a group of it has members, with UNSUPPORTED where the transport cannot;
   * does nothing where there is no such channel.
   */
  remove(channel: string): Promise<void>;
  /**
   * Stores batches; resolves when all are durable, in the order of the calls per channel and
   * priority. A rejection says whether it is definite. The batches must not change afterwards.
   * A batch with `dueAtMs` is stored as delayed messages (their offset is −1).
   * Where the channel is full (`limits`) the messages that find no room are exceptions with a
   * BackPressureError, one by one; once one was refused, only repeats of stored ids are answered
   * otherwise among the later ones of that channel and call.
   */
  append(batches: readonly OutgoingBatch[]): Promise<readonly AppendResult[]>;
  /**
   * After append() refused messages of a full channel: resolves when there is room, with how many
   * messages are likely to fit; at once where it is not full any more. Rejects when `signal` aborts
   * or the transport is closed. Costs nothing while it waits.
   */
  room(channel: string, signal?: AbortSignal): Promise<number>;
  /**
   * Cancels a delayed message. Exactly one of cancelling and becoming visible happens, whoever else
   * is at it. The outcome "already-delivered" may take reading the channel from the time in the id
   * on; `signal` ends that. Rejects with UNSUPPORTED where the transport cannot.
   */
  cancel(channel: string, message: DelayedIdentity, signal?: AbortSignal): Promise<CancelOutcome>;
  /**
   * A page of the delayed messages of a channel, in order of due time, behind `after` (the `next`
   * of an earlier page): at most `messagesMax`, 1,000 by default and at most.
   */
  delayed(
    channel: string,
    options: { readonly after?: string | undefined; readonly messagesMax?: number | undefined },
  ): Promise<DelayedPage>;
  /** Joins a group (creates it when new). */
  consume(options: ConsumerOptions): Promise<Consumer>;
  /** Names of the channel's groups, in order; cheap enough to be asked often. */
  groups(channel: string): Promise<readonly string[]>;
  /**
   * Reads without a group: batches from a position up to the end at the time of the call, or on and
   * on with `follow`. Where messages are gone, a gap comes in their place, in order; offsets that
   * retention removed are left out. Holds nothing open between batches.
   */
  read(
    channel: string,
    options: {
      readonly from: StartPosition;
      readonly priority?: Priority;
      readonly follow?: boolean;
      readonly signal?: AbortSignal;
    },
  ): AsyncIterable<StoredBatch | Gap>;
  stats(): Promise<readonly ChannelStats[]>;
  /** What is stored about a group at one key; undefined where there is no such group. */
  standing(query: StandingQuery): Promise<RangeStanding | undefined>;
  health(): TransportHealth;
  /** Whether it is open and takes messages now, so that nobody needs to wait for ready(). */
  readonly isReady: boolean;
  /**
   * Waits while the transport asks publishers to slow down; resolves at once otherwise. Rejects as
   * definite where that takes too long, as on a full disk.
   */
  ready(signal?: AbortSignal): Promise<void>;
  /** Makes what was appended durable, then closes everything. Idempotent. */
  close(): Promise<void>;
}
