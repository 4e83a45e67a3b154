// The diagnostics channels of Node (`node:diagnostics_channel`) on which the library says what it
// does, for tracing and logging tools. Whoever publishes asks `hasSubscribers` first and builds the
// event only then, so that nobody listening costs one comparison a batch.
import { channel } from "node:diagnostics_channel";

/** A batch was appended, or could not be. On `spillway:publish`. */
export interface PublishDiagnostics {
  readonly channel: string;
  readonly priority: string;
  readonly count: number;
  /** Undefined: durable. Otherwise why the whole batch was refused. */
  readonly error: unknown;
}

/** A full channel had no room for messages of a publish. On `spillway:overflow`. */
export interface OverflowDiagnostics {
  readonly channel: string;
  readonly priority: string;
  readonly count: number;
  /** "wait": they wait for room. "reject", "shed": they were refused, as their channel says. */
  readonly action: "wait" | "reject" | "shed";
  /** When there is likely to be room for them. */
  readonly retryAfterMs: number | undefined;
}

/** Messages were fetched for a group. On `spillway:deliver`. */
export interface DeliverDiagnostics {
  readonly channel: string;
  readonly group: string;
  readonly count: number;
}

/** A commit unit took effect. On `spillway:settle`. */
export interface SettleDiagnostics {
  readonly channel: string;
  readonly group: string;
  /** Messages settled for good. */
  readonly acked: number;
  /** Messages published by the unit. */
  readonly published: number;
}

/** One message's handling failed and it is tried again. On `spillway:retry`. */
export interface RetryDiagnostics {
  readonly channel: string;
  readonly group: string;
  readonly type: string;
  readonly id: string;
  /** Failures so far. */
  readonly attempt: number;
  readonly afterMs: number;
  readonly error: unknown;
}

/**
 * One message was set aside. On `spillway:dead-letter` and `spillway:invalid`; where an error
 * policy let it go, on `spillway:discard`.
 */
export interface SetAsideDiagnostics {
  readonly channel: string;
  readonly group: string;
  readonly type: string;
  readonly id: string;
  readonly reason: string;
  readonly error: unknown;
}

/**
 * A message was settled whose number, within the sequence of its key, was not the next one. On
 * `spillway:sequence`.
 */
export interface SequenceDiagnostics {
  readonly channel: string;
  readonly group: string;
  readonly type: string;
  readonly id: string;
  readonly key: string;
  /** "gap": numbers before it are missing. "late": it comes after. "duplicate": once more. */
  readonly kind: "gap" | "late" | "duplicate";
  readonly number: number;
  /** The number that would have been next. */
  readonly expected: number;
  /** Numbers before it that have not come; 0 unless it is a gap. */
  readonly missing: number;
}

/** A circuit of a subscription changed its state. On `spillway:circuit`. */
export interface CircuitDiagnostics {
  readonly channel: string;
  readonly group: string;
  /** "open": nothing is called. "half-open": at most `limit` at a time. "closed": all is well. */
  readonly state: "open" | "half-open" | "closed";
  /** Handlers that may run at once; 0 while it is open. */
  readonly limit: number;
  /** Until the next probe, in ms; only while it is open. */
  readonly probeInMs: number | undefined;
  /** Since when it has not been closed, wall ms; undefined while it is, or never opened. */
  readonly sinceAtMs: number | undefined;
}

/** Ownership of keys was lost: a unit was refused. On `spillway:lease`. */
export interface LeaseDiagnostics {
  readonly channel: string;
  readonly group: string;
  /** Messages handed back, to be delivered to whoever owns them now. */
  readonly count: number;
}

/** A group without members expires soon, or did. On `spillway:group`. */
export interface GroupDiagnostics {
  readonly channel: string;
  readonly group: string;
  /** "expiring": retention still waits for it. "expired": messages may be removed unread. */
  readonly state: "expiring" | "expired";
  /** When it expires, or did, in wall milliseconds. */
  readonly expiresAtMs: number;
}

/** A group passed messages that are gone. On `spillway:gap`; once for each member that does. */
export interface GapDiagnostics {
  readonly channel: string;
  readonly group: string;
  readonly priority: string;
  readonly firstOffset: number;
  readonly count: number;
  /** "lost", "missing" or "unreadable"; see the type GapReason. */
  readonly reason: string;
}

/** A handler said something through `context.log`. On `spillway:log`. */
export interface LogDiagnostics {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly text: string;
  /** What the handler gave beside the text; empty where it gave nothing. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly channel: string;
  readonly group: string;
  readonly type: string;
  readonly id: string;
  /** 1 for the first delivery of the message. */
  readonly attempt: number;
  readonly correlationId: string;
}

/** An answer came that nobody waited for. On `spillway:reply`. */
export interface ReplyDiagnostics {
  /** "late": its request had timed out or was given up. "duplicate": it had been answered. */
  readonly kind: "late" | "duplicate";
  /** The reply channel. */
  readonly channel: string;
  readonly type: string;
  readonly id: string;
  readonly requestId: string;
}

/** The channels, by what they tell. Their names are fixed. */
export const diagnostics = {
  publish: channel("spillway:publish"),
  overflow: channel("spillway:overflow"),
  deliver: channel("spillway:deliver"),
  settle: channel("spillway:settle"),
  retry: channel("spillway:retry"),
  deadLetter: channel("spillway:dead-letter"),
  invalid: channel("spillway:invalid"),
  discard: channel("spillway:discard"),
  circuit: channel("spillway:circuit"),
  sequence: channel("spillway:sequence"),
  lease: channel("spillway:lease"),
  gap: channel("spillway:gap"),
  group: channel("spillway:group"),
  log: channel("spillway:log"),
  reply: channel("spillway:reply"),
} as const;
