// The engine port: what the journal's synchronous core is asked and answers. Plain data only, so
// that it can cross a thread. The transport half of the adapter speaks it; the core behind it
// knows nothing of threads. Always true: units of one transact request take effect in order, all
// in one SQLite transaction, each accepted or refused by itself.
import type { ErrorCode } from "../../../errors/error-codes.ts";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Priority } from "../../../message/envelope.ts";
import type { StateVersion } from "../../../ports/commit-unit.ts";
import type { DelayedIdentity } from "../../../ports/delayed.ts";
import type { FullChannel } from "../../../ports/channel-limits.ts";
import type { SpaceShortage } from "./space-shortage.ts";
import type { StateColumns } from "./state-columns.ts";
import type { ChannelDeclaration, ChannelStats, StartPosition } from "../../../ports/transport.ts";

/** Limits and times of a journal; every one has a default in options.ts. */
export interface EngineOptions {
  readonly directory: string;
  readonly durability: "fsync" | "relaxed";
  readonly leaseMs: number;
  readonly maxBlockedMs: number;
  readonly busyTimeoutMs: number;
  readonly walBytesMax: number;
  readonly dedupeWindowMs: number;
  readonly dedupeCountMax: number;
  /** Undefined: the default, which depends on the file system's size. 0: no floor. */
  readonly freeBytesMin?: number | undefined;
}

/** A batch to append, in the format of docs/adr/0001, uncompressed. */
export interface EncodedAppend {
  readonly channel: string;
  readonly priority: Priority;
  readonly count: number;
  /** Whether any record carries a given id, so that repeats must be looked for. */
  readonly hasGivenIds: boolean;
  readonly blob: Uint8Array<ArrayBuffer>;
  /** For delayed messages: when each record becomes visible, wall ms. */
  readonly dueAtMs: readonly number[] | undefined;
  /** Dropped where its channel does not exist. */
  readonly isOptional: boolean;
}

/** A cursor to move, of a range that the unit's member owns. */
export interface CursorMove {
  readonly priority: Priority;
  readonly range: number;
  readonly position: number;
}

/** The open list of one batch and range: the encoded entries, or null when it became empty. */
export interface OpenRow {
  readonly priority: Priority;
  readonly range: number;
  readonly base: number;
  readonly entries: Uint8Array | null;
}

/** Proof of ownership: the epoch under which the deliveries of this range were fetched. */
export interface Fence {
  readonly range: number;
  readonly epoch: number;
}

/** One unit: refused as a whole, or applied as a whole. */
export interface EngineUnit {
  /** The member whose unit this is; 0 for plain appends, which have no fences. */
  readonly member: number;
  /** Raised by the member after each refusal; units of an older generation are poisoned. */
  readonly generation: number;
  /** The unit's number within its member, 1, 2, 3 …; state versions may refer to it as −n. */
  readonly sequence: number;
  readonly fences: readonly Fence[];
  readonly cursors: readonly CursorMove[];
  readonly open: readonly OpenRow[];
  /** Messages among those settled whose time had passed; counted for the group. */
  readonly expired: number;
  /** What changes of the group's state; undefined: nothing. */
  readonly state: StateColumns | undefined;
  readonly appends: readonly EncodedAppend[];
}

/** Why messages of an append found no room: those with the code BACK_PRESSURE. */
export interface EngineRefusal {
  readonly full: FullChannel;
  /** How many notices of room were given before; a later one may concern this refusal. */
  readonly told: number;
}

/**
 * What became of one append. Exceptions: [index, first offset] of repeats, [index, code]
 * refusals.
 */
export interface EngineAppendResult {
  readonly firstOffset: number;
  readonly exceptions: readonly (readonly [number, number | ErrorCode])[];
  /** It was optional, and its channel does not exist. */
  readonly isDropped?: boolean;
  readonly refusal?: EngineRefusal;
}

/** What became of one unit. */
export type EngineUnitResult =
  | {
      readonly kind: "committed";
      readonly appended: readonly EngineAppendResult[];
      readonly version: StateVersion;
      /** Channels that it took above their limits, and the notices of room given before. */
      readonly over?: { readonly channels: readonly string[]; readonly told: number };
    }
  | { readonly kind: "fenced" }
  | { readonly kind: "conflict"; readonly table: string; readonly key: string }
  | {
      /** Outgoing messages whose id was given before: index of the append, index of the record. */
      readonly kind: "reused";
      readonly reused: readonly (readonly [number, number])[];
    }
  | { readonly kind: "poisoned" }
  /** A channel to which it must publish does not exist, any more perhaps: in words for people. */
  | { readonly kind: "unknown"; readonly channel: string; readonly message: string }
  /** The disk is full, and the unit needs more space than an acknowledgement does. */
  | { readonly kind: "full"; readonly shortage: SpaceShortage };

/**
 * Appends that nobody knows the end of: a range of offsets of a channel's log, by lane, or of
 * delayed messages (lane 3) by their numbers.
 */
export interface Doubt {
  readonly channel: string;
  readonly lane: number;
  readonly base: number;
  end: number;
}

/** What an earlier life of the journal in this process left behind. */
export interface Resumption {
  /** Only this journal may be opened again: an empty mount point must not become a new one. */
  readonly incarnation: string;
  /** The number of that life's process, whose members and leases are void. */
  readonly process: number;
  readonly doubts: readonly Doubt[];
  /** Whether SQLite met damage: then its structure is checked before anything is done. */
  readonly isSuspect: boolean;
  /** Whether a journal found damaged is opened for reading, and not refused to be tried again. */
  readonly believesDamage: boolean;
}

/** How a life of the journal ended by itself, and what the next one has to know. */
export interface EngineStop {
  readonly error: SpillwayError;
  /** Undefined where the journal was never open. */
  readonly resumption: Resumption | undefined;
}

/** The requests, by kind, with their answers. */
export interface EngineRequests {
  open: {
    request: {
      readonly options: EngineOptions;
      readonly resumption?: Resumption | undefined;
    };
    /** `isDamaged`: it is open for reading only, and nothing may open it for writing. */
    answer: {
      readonly incarnation: string;
      readonly process: number;
      readonly isDamaged: boolean;
    };
  };
  declare: { request: { readonly channel: ChannelDeclaration }; answer: null };
  /** Removes a channel; see Transport.remove(). */
  remove: { request: { readonly channel: string }; answer: null };
  /** Removes those of these timers that are this message. */
  cancel: {
    request: {
      readonly channel: string;
      readonly message: DelayedIdentity;
      readonly timers: readonly number[];
    };
    answer: { readonly cancelled: number };
  };
  transact: {
    request: { readonly units: readonly EngineUnit[] };
    answer: { readonly results: readonly EngineUnitResult[] };
  };
  /** Joins a group: creates it when new, takes what is free. Grants follow as notices. */
  join: {
    request: {
      readonly channel: string;
      readonly group: string;
      readonly from: StartPosition;
      readonly types: readonly string[] | undefined;
    };
    answer: { readonly member: number; readonly partitions: number };
  };
  /** Frees ranges that a "revoke" notice asked for, once nothing of them runs any more. */
  release: {
    request: { readonly member: number; readonly ranges: readonly number[] };
    answer: null;
  };
  leave: { request: { readonly member: number }; answer: null };
  stats: { request: Record<never, never>; answer: { readonly channels: readonly ChannelStats[] } };
  close: { request: Record<never, never>; answer: null };
}

/** The name of a request. */
export type EngineRequestKind = keyof EngineRequests;

/** Ownership of one range, with everything needed to go on where the last owner stopped. */
export interface RangeGrant {
  readonly range: number;
  readonly epoch: number;
  /** Positions of the logs that have one; a log without a row starts at 0. */
  readonly cursors: readonly { readonly priority: Priority; readonly position: number }[];
  readonly open: readonly {
    readonly priority: Priority;
    readonly base: number;
    readonly entries: Uint8Array;
  }[];
}

/** What the engine says unasked. */
export type EngineNotice =
  | {
      /** Messages became visible: channel, priority, end offset (exclusive). */
      readonly kind: "advanced";
      readonly logs: readonly (readonly [string, Priority, number])[];
    }
  | {
      /** A channel that refused something, or was above its limits, has room again. */
      readonly kind: "room";
      readonly channel: string;
      /** How many messages are likely to fit. */
      readonly messages: number;
      /** 1, 2, 3 … */
      readonly number: number;
    }
  | {
      /** Channels were removed, by whomever: what is remembered of names may be wrong. */
      readonly kind: "removed";
    }
  | { readonly kind: "granted"; readonly member: number; readonly grants: readonly RangeGrant[] }
  | { readonly kind: "revoke"; readonly member: number; readonly ranges: readonly number[] }
  | { readonly kind: "lost"; readonly member: number; readonly ranges: readonly number[] }
  | {
      /** A group without members: retention will not wait for it much longer, or does not now. */
      readonly kind: "group";
      readonly channel: string;
      readonly group: string;
      readonly state: "expiring" | "expired";
      /** When retention passes it, or began to; wall ms. */
      readonly expiresAtMs: number;
    }
  | {
      readonly kind: "health";
      readonly status: "ok" | "degraded" | "failed";
      readonly reasons: readonly string[];
      readonly appendsStopped: boolean;
      /** Why publishers wait for space on the disk, where they do. */
      readonly space?: SpaceShortage;
    };

/** The error for what was not begun, because the journal closed itself. */
export function interrupted(cause: SpillwayError): SpillwayError {
  return new SpillwayError(
    "TRANSPORT_INTERRUPTED",
    `the journal closed itself and opens again as soon as it can: ${cause.message}`,
    { cause },
  );
}

/** Whether the journal closed itself before what was asked for was begun. */
export function isInterruption(error: unknown): boolean {
  return error instanceof SpillwayError && error.code === "TRANSPORT_INTERRUPTED";
}

/** The core as the transport half sees it, wherever it runs. */
export interface Engine {
  /** Answers in the order of the requests; rejects with a SpillwayError. */
  request<Kind extends EngineRequestKind>(
    kind: Kind,
    request: EngineRequests[Kind]["request"],
    transfer?: readonly ArrayBuffer[],
  ): Promise<EngineRequests[Kind]["answer"]>;
  /** Called for each notice, in order; set before `open` is requested. */
  onNotice: (notice: EngineNotice) => void;
  /**
   * Called once if the engine ends by itself; then nothing of it is open any more. Requests that
   * it had not begun reject as definite before that.
   */
  onStopped: (stop: EngineStop) => void;
  /** Main's sign of life, called at least once a second while the event loop turns. */
  progress(): void;
  /** Ends the thread; after close was answered. */
  terminate(): Promise<void>;
}
