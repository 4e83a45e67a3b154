// One open message, and the line of messages of one key that wait behind a failed one. Shapes and
// their order only; open-messages.ts moves messages through them.
import type { Clock } from "../kernel/clock.ts";
import type { Outcome } from "../ports/commit-unit.ts";
import type { OpenEntry, OpenReason } from "../ports/delivery-batch.ts";
import type { FailedAttempt } from "./attempt-log.ts";
import type { EarlyPlace } from "./sequences/numbered.ts";

/**
 * What becomes of a message that is about to start: "run" it; "park" it behind its key; "wait": it
 * is not due yet; "hold" it in the window; "doomed": to the dead letters; "stale": it was delivered
 * anew.
 */
export type Admission = "run" | "park" | "wait" | "hold" | "doomed" | "stale";

/** The due time of a message that is held until somebody releases it: the greatest there is. */
export const heldUntilMs = Number.MAX_SAFE_INTEGER;

/** Where a message stands; `key` only where order is by key. */
export interface OpenPlace {
  readonly lane: number;
  readonly offset: number;
  readonly key: string | undefined;
}

/** What open messages are lent, and whom they tell. */
export interface OpenMessagesOptions {
  readonly clock: Clock;
  readonly parkedPerKeyMax: number;
  /** What happens when that many are parked: see DeliveryOptions. */
  readonly onKeyFull: "dead-letter" | "pause";
  /** Messages were released: takeReleased() has some. */
  onReleased(): void;
  /** Messages held behind this line are to be given out again. */
  onEnded(line: KeyLine): void;
}

/** An open entry with what this process remembers of it. */
export interface KnownEntry extends OpenEntry {
  /** The failed attempts; undefined: none here. A commit does not keep them. */
  readonly failures?: readonly FailedAttempt[] | undefined;
}

/** An unsettled message as a commit lists it, without its payload. Another try makes a new one. */
export class OpenMessage {
  readonly kind = "open";
  readonly lane: number;
  readonly offset: number;
  /** Undefined where the message has no key, or order is not by key. */
  readonly key: string | undefined;
  /** Failures so far. */
  readonly attempt: number;
  /** Wall ms before which it must not be delivered. */
  readonly dueAtMs: number;
  readonly reason: OpenReason;
  readonly failures: readonly FailedAttempt[] | undefined;
  /** A commit lists it, so that it survives a restart and can be read again. */
  isCommitted = false;
  /** Its turn has come: it is read again, or in the window. */
  isReleased = false;
  /**
   * It was delivered and has not started: its turn comes there, and nobody reads it again. Released
   * there before its key has a line, it takes its place in the line.
   */
  isInWindow = false;
  /** Another entry takes its place as soon as that is committed. */
  isReplaced = false;
  /** It is to be read again as soon as it is committed. */
  isWanted = false;
  /** The line it stands in, or was released from. */
  line: KeyLine | undefined;
  /** It came before others of its key's sequence, and waits for them. */
  early: EarlyPlace | undefined;

  constructor(place: OpenPlace, entry: KnownEntry, before?: OpenMessage) {
    if (before !== undefined) before.isReplaced = true;
    this.lane = place.lane;
    this.offset = place.offset;
    this.key = place.key;
    this.attempt = entry.attempt;
    this.dueAtMs = entry.dueAtMs;
    this.reason = entry.reason;
    this.failures = entry.failures;
  }

  /** Whether it waits until somebody releases it. */
  get isHeld(): boolean {
    return this.dueAtMs >= heldUntilMs;
  }
}

/** The outcome of everything that is settled for good. */
export const acknowledged: Outcome = Object.freeze({ kind: "ack" });

/** One number for a message's log and offset. */
export function positionOf(lane: number, offset: number): number {
  return offset * 4 + lane;
}

/** Order of logs, then of offsets. */
export function byPosition(left: OpenMessage, right: OpenMessage): number {
  return left.lane - right.lane || left.offset - right.offset;
}

/**
 * Parked messages of one key that are released together, at most: if one fails, the others park
 * again. So one goes first, then two, then four: a key whose messages fail often reads few in vain.
 */
const releasedPerKeyMax = 64;

/**
 * The messages of one key behind a failure. While `failed` waits for its next try, later ones are
 * parked, durably. Once it was released, the line drains: parked messages follow in order, later
 * ones are held in the window; when all are through, the line ends.
 */
export class KeyLine {
  readonly lane: number;
  readonly key: string;
  /** The message that failed and waits for its next try. */
  failed: OpenMessage | undefined;
  /** Whether the failed message's time has come. */
  isDue = false;
  /** Released messages that are not settled yet. */
  outstanding = 0;
  /** How many waiting messages are released together next. */
  together = 1;
  /** Waiting messages, by offset. */
  readonly parked: OpenMessage[] = [];
  /** Too many wait: everything up to here goes to the dead letters. */
  isDoomed = false;
  /** As many are parked as may be. */
  isFull = false;
  /** Nothing is left of it, or its messages were delivered anew. */
  isEnded = false;

  constructor(lane: number, key: string) {
    this.lane = lane;
    this.key = key;
  }

  /** The line waits for the next try of this message. */
  fail(message: OpenMessage): void {
    message.line = this;
    this.failed = message;
    this.isDue = false;
    this.together = 1;
  }

  /** A released message is settled for good. */
  settledOne(): void {
    this.outstanding--;
    if (this.outstanding > 0) return;
    this.together = Math.min(releasedPerKeyMax, this.together * 2);
  }

  /** Takes those that wait from this offset on out of the line. */
  cut(offset: number): readonly OpenMessage[] {
    const first = this.parked.findIndex((message) => message.offset >= offset);
    const taken = first === -1 ? [] : this.parked.splice(first);
    const { failed } = this;
    if (failed === undefined || failed.offset < offset) return taken;
    this.failed = undefined;
    this.isDue = false;
    return [failed, ...taken];
  }

  /** Adds a message at its place; it mostly is the last. */
  park(message: OpenMessage): void {
    message.line = this;
    let at = this.parked.length;
    while (at > 0 && (this.parked[at - 1] as OpenMessage).offset > message.offset) at--;
    this.parked.splice(at, 0, message);
  }
}
