// Delayed messages before they are due: which one is meant, what is shown of it, and what became of
// cancelling it. Shapes, and the place of a page; the semantics are in transport.ts.
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Priority } from "../message/envelope.ts";

/** Most messages of one page. */
export const delayedPageMax = 1_000;

/** Which message: an id stands for itself within its source and tenant. */
export interface DelayedIdentity {
  readonly id: string;
  readonly source: string;
  /** Undefined: whatever its tenant. */
  readonly tenant?: string | undefined;
  /** When it is due, where that is known: it is found faster. */
  readonly dueAtMs?: number | undefined;
}

/**
 * "cancelled": it was not visible and never will be. "already-delivered": it is in its channel.
 * "unknown": neither.
 */
export type CancelOutcome = "cancelled" | "already-delivered" | "unknown";

/** A message that is not due yet. */
export interface DelayedMessage {
  readonly channel: string;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly version: number;
  readonly key: string | undefined;
  readonly priority: Priority;
  readonly tenant: string | undefined;
  /** When it becomes visible, wall ms. */
  readonly dueAtMs: number;
  /** When it was stored, wall ms. */
  readonly acceptedAtMs: number;
}

/** Some delayed messages, in order of due time. */
export interface DelayedPage {
  readonly messages: readonly DelayedMessage[];
  /** Where the next page begins; undefined: there is none. */
  readonly next: string | undefined;
}

/** The place behind a message in the order of due times, as text. */
export function placeText(dueAtMs: number, number: number): string {
  return `${dueAtMs}.${number}`;
}

/** The due time and number in such a text; throws INVALID_ARGUMENT. */
export function placeOf(text: string | undefined): readonly [dueAtMs: number, number: number] {
  if (text === undefined) return [Number.NEGATIVE_INFINITY, 0];
  const at = text.lastIndexOf(".");
  const place = [Number(text.slice(0, at)), Number(text.slice(at + 1))] as const;
  if (at > 0 && place.every((part) => Number.isFinite(part))) return place;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `delayed: after is ${JSON.stringify(text)}: give the 'next' of an earlier page`,
  );
}

/** How many messages a page has; throws INVALID_ARGUMENT. */
export function pageSizeOf(messagesMax: number = delayedPageMax): number {
  if (Number.isSafeInteger(messagesMax) && messagesMax >= 1 && messagesMax <= delayedPageMax) {
    return messagesMax;
  }
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `delayed: messagesMax is ${messagesMax}: give a whole number from 1 to ${delayedPageMax}`,
  );
}
