// One open message, and the line of messages of one key that wait behind a failed one. Shapes and
// their order only; open-messages.ts moves messages through them.
import type { Outcome } from "../ports/commit-unit.ts";
import type { OpenReason } from "../ports/delivery-batch.ts";
import type { WindowPlace } from "./window.ts";

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
  /** A commit lists it, so that it survives a restart and can be read again. */
  isCommitted = false;
  /** Its turn has come: it is read again, or in the window. */
  isReleased = false;

  constructor(
    place: { readonly lane: number; readonly offset: number; readonly key: string | undefined },
    entry: { readonly attempt: number; readonly dueAtMs: number; readonly reason: OpenReason },
  ) {
    this.lane = place.lane;
    this.offset = place.offset;
    this.key = place.key;
    this.attempt = entry.attempt;
    this.dueAtMs = entry.dueAtMs;
    this.reason = entry.reason;
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
 * The messages of one key behind a failure. While `failed` waits for its next try, later ones are
 * parked, durably. Once it was released, the line drains: parked messages follow in order, later
 * ones are held in the window; when all are through, the line ends.
 */
export class KeyLine {
  readonly lane: number;
  readonly key: string;
  /** The message that failed and waits for its next try. */
  failed: OpenMessage | undefined;
  /** Released messages that are not settled yet. */
  outstanding = 0;
  /** Waiting messages, by offset. */
  readonly parked: OpenMessage[] = [];
  /** Fresh messages of the window, taken and held back, by offset. */
  held: WindowPlace[] = [];
  /** Too many wait: everything up to here goes to the dead letters. */
  isDoomed = false;

  constructor(lane: number, key: string) {
    this.lane = lane;
    this.key = key;
  }

  /** Adds a message at its place; it mostly is the last. */
  park(message: OpenMessage): void {
    let at = this.parked.length;
    while (at > 0 && (this.parked[at - 1] as OpenMessage).offset > message.offset) at--;
    this.parked.splice(at, 0, message);
  }
}
