// What a transport hands out: stored messages, the deliveries of one consumer, and what became of
// an append. Plain shapes; the semantics of handing out and settling are in transport.ts.
import type { SpillwayError } from "../errors/spillway-error.ts";
import type { MessageColumns, TextAttribute } from "../message/envelope.ts";

/** Why a message is open: it failed, waits behind its key, or was in flight when others settled. */
export type OpenReason = "retry" | "parked" | "in-flight";

/** What became of an appended batch. */
export interface AppendResult {
  /** Offset of the first message stored by this append. */
  readonly firstOffset: number;
  /**
   * Messages that were not newly stored, by index: a repeat (offset of the first storing), or a
   * refusal. All others have consecutive offsets from firstOffset, in order of index.
   */
  readonly exceptions?: ReadonlyMap<number, { readonly offset: number } | SpillwayError>;
  /** Nothing was stored: the batch is optional, and its channel does not exist. */
  readonly isDropped?: boolean;
}

/** Stored messages: columns plus where they stand. */
export interface StoredBatch extends MessageColumns {
  /** Offset of record `index` within the channel's log of this priority. */
  offsetAt(index: number): number;
  /** When the batch was stored; wall ms that never goes back within one log. */
  readonly appendedAtMs: number;
  /** All encoded data as one JSON array, one element a record, where it is stored that way. */
  readonly payloadArrayText?: string | undefined;
  /** Whether all messages have one template; undefined: not known. */
  readonly hasOneTemplate?: boolean;
  /** Whether a message may have an attribute, or an extension, of this name; false is certain. */
  mayHave?(name: string): boolean;
  /** What attributesAt() would say of one attribute, where that can be told for less. */
  textAttributeAt?(index: number, name: TextAttribute): string | undefined;
  /** Memory this batch holds while referenced, in bytes. */
  readonly bytes: number;
}

/** An unsettled message from before: its failures so far, and when it is due. */
export interface OpenEntry {
  readonly attempt: number;
  readonly dueAtMs: number;
  readonly reason: OpenReason;
}

/** Messages handed to one consumer. */
export interface DeliveryBatch {
  readonly stored: StoredBatch;
  /** Which records of `stored` are delivered, ascending. */
  readonly records: readonly number[];
  /** For messages delivered again after a restart or take-over: by record. Absent: all fresh. */
  readonly open?: ReadonlyMap<number, OpenEntry>;
  /** Opaque to everybody but the adapter: under which ownership these were fetched. */
  readonly token: unknown;
}
