// The commit unit: everything that handling some messages caused. A transport whose store shares
// its writer makes it durable together or not at all. Built by delivery/, applied by an adapter.
import type { SpillwayError } from "../errors/spillway-error.ts";
import type { OutgoingBatch } from "../message/outgoing-batch.ts";
import type { AppendResult, DeliveryBatch, OpenReason } from "./delivery-batch.ts";
import type { StateVersion } from "./state-store.ts";

export type { OpenReason } from "./delivery-batch.ts";
export type { StateVersion } from "./state-store.ts";

/**
 * What became of one delivered message:
 * "ack": done, never delivered to this group again.
 * "open": not done; stays unsettled, survives a restart with its attempt count and due time.
 */
export type Outcome =
  | { readonly kind: "ack" }
  | {
      readonly kind: "open";
      /** Deliveries so far that ended in a failure. */
      readonly attempt: number;
      /** Wall time in ms before which it must not be delivered; 0: no such time. */
      readonly dueAtMs: number;
      /** "retry": it failed itself. "parked": it waits behind an earlier message of its key. */
      readonly reason: OpenReason;
    };

/** The settled messages of one delivery batch: parallel arrays. */
export interface BatchSettlement {
  readonly batch: DeliveryBatch;
  /** Indexes into the delivery batch's `indexes` column are NOT used here: record indexes are. */
  readonly records: readonly number[];
  /** One per record; undefined: every record is acknowledged. */
  readonly outcomes: readonly Outcome[] | undefined;
}

/** One row that a unit read or changes. */
export interface StateChange {
  /** The state's name within the group, as declared in the subscription. */
  readonly table: string;
  readonly key: string;
  /**
   * The version this unit read. A committed one (≥ 0), or −n when the value was written by the
   * n-th unit of this subscription (`CommitUnit.sequence`) that may still be under way. Undefined:
   * the unit did not look at the row, and replaces whatever is there.
   */
  readonly expected: StateVersion | undefined;
  /** New encoded value; null deletes; undefined only checks the version. */
  readonly value: string | null | undefined;
}

/** Everything that becomes durable together. */
export interface CommitUnit {
  /** 1, 2, 3 … per subscription, in the order of commit() calls. */
  readonly sequence: number;
  readonly settlements: readonly BatchSettlement[];
  /** How many of them were settled without a handler, because their time had passed; default 0. */
  readonly expired?: number;
  /**
   * Outgoing messages: returned by handlers, answers, dead letters, invalid messages. Of these,
   * optional batches may go to a channel that does not exist: they are dropped.
   */
  readonly publishes: readonly OutgoingBatch[];
  readonly state: readonly StateChange[];
}

/** An outgoing message whose given id stands for other content within the window. */
export interface ReusedId {
  /** Its batch: an index into the unit's `publishes`. */
  readonly publish: number;
  /** Its index within that batch. */
  readonly index: number;
  /** ID_REUSED. */
  readonly error: SpillwayError;
}

/**
 * How a commit ended. "committed": everything is durable; `appended` holds repeats, no refusals.
 * "fenced": some keys belong to somebody else now. "conflict": state that the unit read has
 * changed. "reused": every outgoing message is listed whose id was given to another one before it,
 * be it in the same unit. In the last three cases nothing at all was applied, and units of this
 * subscription sent after the refused one are refused too ("poisoned"), until resume() was called.
 */
export type CommitResult =
  | {
      readonly kind: "committed";
      readonly appended: readonly AppendResult[];
      readonly version: StateVersion;
      /** Channels that it took above their limits: next() holds until these have room. */
      readonly over?: readonly string[];
    }
  | { readonly kind: "fenced" }
  | { readonly kind: "conflict"; readonly table: string; readonly key: string }
  | { readonly kind: "reused"; readonly reused: readonly ReusedId[] }
  | { readonly kind: "poisoned" };
