// What a history of a messaging run consists of: plain data, noted by clients in the order in which
// they saw it. Knows nothing of a bus or a transport, so that any run can be written down in it:
// a simulation, processes that were killed, a real broker. What must be true of it is judged by
// checkHistory().

/**
 * One log: a channel, with its lane where it has several. Offsets count within it; where a log has
 * none, a queue for instance, events leave them out, and name messages by id.
 */
export type LogName = string;

/**
 * A log consists of partitions, each a log with offsets of its own: "orders/3" of "orders". Comes
 * before what is told of the partition. Messages are published to the whole; who subscribes, reads
 * and settles names the partition.
 */
export interface Partition {
  readonly kind: "partition";
  readonly atMs: number;
  readonly log: LogName;
  readonly of: LogName;
}

/** A message as somebody read it from a log. */
export interface ReadMessage {
  readonly log: LogName;
  readonly id: string;
  /** Absent: the log has none. */
  readonly offset?: number | undefined;
  /** Absent: it has none, or the reader did not see it. */
  readonly key?: string | undefined;
  /** Its content, or a digest of it; absent: not compared. */
  readonly value?: string | undefined;
}

/** A client begins to publish a message. Publishing it again is another operation. */
export interface PublishInvoke {
  readonly kind: "invoke";
  readonly atMs: number;
  /** Links the outcome; unique in the history. */
  readonly operation: number | string;
  readonly log: LogName;
  readonly id: string;
  readonly key?: string | undefined;
  readonly value?: string | undefined;
  /** Under which it may be stored once; default: the id. */
  readonly idempotencyId?: string | undefined;
  /** It is delayed until then, and gets its place in the log only when it is due. */
  readonly dueAtMs?: number | undefined;
  /** Groups may settle it without a handler: it expires, or is merged with another one. */
  readonly isSkippable?: boolean | undefined;
  /**
   * Who calls, where messages of one key are stored in the order of its calls even if it does not
   * wait for outcomes. Absent: only what was acknowledged before the call is stored before it.
   */
  readonly publisher?: string | undefined;
  /** Its place among the messages of its key, for groups with the order "sequence". */
  readonly sequence?: number | undefined;
}

/** It is stored, and durable. */
export interface PublishOk {
  readonly kind: "ok";
  readonly atMs: number;
  readonly operation: number | string;
  /** Where; absent for a delayed message, and in a log without offsets. */
  readonly offset?: number | undefined;
  /** The partition it went to, where it was published to a log that has some. */
  readonly log?: LogName | undefined;
}

/**
 * "failed": it is certainly not stored. "unknown": it may be stored, or not. An operation without
 * an outcome, such as one of a client that was killed, is best ended with "unknown".
 */
export interface PublishFailed {
  readonly kind: "failed" | "unknown";
  readonly atMs: number;
  readonly operation: number | string;
}

/** A delayed message was cancelled, or cancelling it was tried: it needs not become visible. */
export interface Cancelled {
  readonly kind: "cancelled";
  readonly atMs: number;
  readonly log: LogName;
  readonly id: string;
}

/** A group reads a log, or a partition. The first of a group counts. */
export interface GroupSubscribed {
  readonly kind: "subscribe";
  readonly atMs: number;
  readonly group: string;
  readonly log: LogName;
  /** From this offset on; 0: everything. Absent: what is published from here on. */
  readonly from?: number | undefined;
  /** "at-most-once": a message may be left out, and never comes twice. */
  readonly delivery?: "at-least-once" | "at-most-once" | undefined;
  /**
   * "key" (default): a message waits until those before it with its key are finished; "sequence":
   * the same, where "before" goes by their `sequence`.
   */
  readonly order?: "key" | "sequence" | "none" | undefined;
  /** The failed attempt with which a message is given up; default: it never is. */
  readonly attemptsMax?: number | undefined;
  /** Whether "settled" events tell what is durable; then "done" need not be: it may come again. */
  readonly hasSettlements?: boolean | undefined;
  /** Whether "effect" events list the effects of every message; then each must have exactly one. */
  readonly hasEffects?: boolean | undefined;
}

/** A handler is called. */
export interface Delivered extends ReadMessage {
  readonly kind: "delivery";
  readonly atMs: number;
  readonly group: string;
  /** The process, or bus, that handles it; another life of it is best another name. */
  readonly member: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
}

/**
 * How a delivery ended. "done": handled, best noted when that is durable. "failed": it is tried
 * again. "given-up": dead letter, invalid, discarded. "abandoned": the member lost it, or let go.
 */
export interface Handled {
  readonly kind: "handled";
  readonly atMs: number;
  readonly group: string;
  readonly member: string;
  readonly log: LogName;
  /** One of these two. */
  readonly offset?: number | undefined;
  readonly id?: string | undefined;
  readonly outcome: "done" | "failed" | "given-up" | "abandoned";
}

/** It is durable that the group is done with a message: it must not come back. */
export interface Settled {
  readonly kind: "settled";
  readonly atMs: number;
  readonly group: string;
  readonly member: string;
  readonly log: LogName;
  /** One of these two. */
  readonly offset?: number | undefined;
  readonly id?: string | undefined;
}

/**
 * Something after which going back is right. "crash": a member died, or began anew from what is
 * durable; what it was at may be finished or not. "rebalance": keys have changed their member.
 * "seek": somebody was told to go back. Without `group`, or `reader`, it concerns all of them.
 */
export interface Mark {
  readonly kind: "crash" | "rebalance" | "seek";
  readonly atMs: number;
  readonly group?: string | undefined;
  readonly member?: string | undefined;
  readonly reader?: string | undefined;
}

/** From here on nothing is put in the way any more: everything must go on within the bound. */
export interface Calm {
  readonly kind: "calm";
  readonly atMs: number;
}

/** The transport says that the group has nothing unsettled in this log. */
export interface Drained {
  readonly kind: "drained";
  readonly atMs: number;
  readonly group: string;
  readonly log: LogName;
}

/** One effect of a message that was found in the end: a row, an entry of a ledger. */
export interface Effect {
  readonly kind: "effect";
  readonly atMs: number;
  readonly group: string;
  /** Where the message was published to. */
  readonly log: LogName;
  readonly id: string;
  /** Its place among the effects that have one; in their order, keys are in theirs. */
  readonly place?: number | undefined;
}

/** A reader without a group begins to follow a log, with the message at this offset. */
export interface TailStart {
  readonly kind: "tail-start";
  readonly atMs: number;
  readonly reader: string;
  readonly log: LogName;
  readonly from: number;
}

/** A reader without a group that follows a log saw a message. */
export interface TailRead extends ReadMessage {
  readonly kind: "tail";
  readonly offset: number;
  readonly atMs: number;
  readonly reader: string;
}

/** The reader had seen everything there was when it was stopped. */
export interface TailEnd {
  readonly kind: "tail-end";
  readonly atMs: number;
  readonly reader: string;
  readonly log: LogName;
}

/** The log, read in full when all was over: one event a message, in order. */
export interface ReplayRead extends ReadMessage {
  readonly kind: "replay";
  readonly offset: number;
  readonly atMs: number;
  /** When it was stored; only compared with the window of the deduplication. */
  readonly appendedAtMs?: number | undefined;
}

/** Messages that the log itself reports as gone. */
export interface ReplayGap {
  readonly kind: "replay-gap";
  readonly atMs: number;
  readonly log: LogName;
  readonly firstOffset: number;
  readonly count: number;
}

/** The full read came to the end of the log. What was removed before `startOffset` is not lost. */
export interface ReplayEnd {
  readonly kind: "replay-end";
  readonly atMs: number;
  readonly log: LogName;
  readonly startOffset: number;
  readonly endOffset: number;
}

/** The run is over. */
export interface HistoryEnd {
  readonly kind: "end";
  readonly atMs: number;
}

/**
 * One line of a history. Times are those of one clock; they are used for what is stuck, and for the
 * window of the deduplication. Everything else goes by the order of the events.
 */
export type HistoryEvent =
  | Partition
  | PublishInvoke
  | PublishOk
  | PublishFailed
  | Cancelled
  | GroupSubscribed
  | Delivered
  | Handled
  | Settled
  | Mark
  | Calm
  | Drained
  | Effect
  | TailStart
  | TailRead
  | TailEnd
  | ReplayRead
  | ReplayGap
  | ReplayEnd
  | HistoryEnd;
