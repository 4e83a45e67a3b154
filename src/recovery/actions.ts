// What a rule of an error policy does: plain, immutable descriptions, and the functions that make
// them. Knows nothing of matching or of running. Always true: an action that may be in vain (retry,
// fallback) is none before it was given an end; after an end nothing can be added.
import type { FallbackHandler } from "../delivery/failure-rules.ts";
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { assertMilliseconds, assertWhole, invalidPolicy } from "./bounds.ts";
import { exponential, type RetrySchedule } from "./schedules.ts";

/** Ends a message: nothing is called for it again by itself. */
export interface EndAction {
  readonly kind: "dead-letter" | "discard" | "park";
  /** Why, in the policy's words. */
  readonly reason: string | undefined;
}

/** Options of pause(). */
export interface PauseOptions {
  /** Failures within `windowMs` that open the circuit. Default 5. */
  readonly failures?: number;
  /** Default 10 s. */
  readonly windowMs?: number;
  /** How long nothing is called before the first probe; doubles with every one that fails. */
  readonly probeAfterMs?: number;
  /** Longest time between two probes. Default four times `probeAfterMs`. */
  readonly probeMsMax?: number;
}

/** Stops the subscription for a while; see pause(). */
export interface PauseAction {
  readonly kind: "pause";
  readonly options: Required<PauseOptions>;
}

/** A fallback with its end. */
export interface FallbackAction {
  readonly kind: "fallback";
  readonly handle: FallbackHandler;
  readonly next: EndAction;
}

/** A retry with what follows it. */
export interface RetryAction {
  readonly kind: "retry";
  readonly schedule: RetrySchedule;
  readonly attempts: number;
  readonly ageMsMax: number;
  readonly next: EndAction | PauseAction | FallbackAction;
}

/** What a rule can do. */
export type ErrorAction = EndAction | PauseAction | FallbackAction | RetryAction;

/** How often a message is tried again; see retry(). */
export interface RetryBounds {
  /** Handler calls in all. Default 5. */
  readonly attempts?: number;
  /** No try is made that would come when the message is older, from its time. Default: none. */
  readonly ageMsMax?: number;
}

const knownPause = optionNames<PauseOptions>({
  failures: true,
  windowMs: true,
  probeAfterMs: true,
  probeMsMax: true,
});
const knownBounds = optionNames<RetryBounds>({ attempts: true, ageMsMax: true });

/** A retry that still needs its end. */
export interface RetryStep {
  /** What happens when all attempts are used up. */
  then(next: EndAction | PauseAction | FallbackAction): RetryAction;
}

/** A fallback that still needs its end. */
export interface FallbackStep {
  /** What happens where the fallback fails. */
  then(next: EndAction): FallbackAction;
}

/** Most handler calls that one retry may make. */
export const retryAttemptsMax = 1_000;
/** Most failures that a circuit counts before it opens. */
export const pauseFailuresMax = 10_000;
/** Most characters of a reason in a policy. */
export const policyReasonLengthMax = 500;

/**
 * The message goes to `<channel>.dead-letters`, in the unit that acknowledges it. `reason` stands
 * before the error's own text.
 *
 * @example
 * import { deadLetter, errorPolicy, otherwise } from "spillway";
 * const errors = errorPolicy(otherwise(deadLetter("never tried again")));
 */
export function deadLetter(reason?: string): EndAction & { readonly kind: "dead-letter" } {
  return Object.freeze({ kind: "dead-letter", reason: checkedReason("deadLetter", reason) });
}

/**
 * The message is acknowledged and forgotten; counted as `discarded`, and told on the diagnostics
 * channel `spillway:discard`.
 *
 * @example
 * import { deadLetter, discard, errorPolicy, otherwise, when } from "spillway";
 * const errors = errorPolicy(
 *   when({ code: "CARD_DECLINED" }, discard("declined by the bank")),
 *   otherwise(deadLetter()),
 * );
 */
export function discard(reason: string): EndAction & { readonly kind: "discard" } {
  return Object.freeze({ kind: "discard", reason: checkedReason("discard", reason) });
}

/**
 * The message stays open, durably, until `subscription.release()`; later messages of its key wait
 * behind it.
 *
 * @example
 * import { errorPolicy, otherwise, park, retry, when } from "spillway";
 * const errors = errorPolicy(
 *   when({ code: "ACCOUNT_FROZEN" }, park("until support has looked at it")),
 *   otherwise(retry().then(park())),
 * );
 */
export function park(reason?: string): EndAction & { readonly kind: "park" } {
  return Object.freeze({ kind: "park", reason: checkedReason("park", reason) });
}

/**
 * A circuit breaker: after `failures` of them within `windowMs` nothing of the subscription is
 * called or fetched any more, but for one probe at a time; when a probe goes well, concurrency
 * grows back to what it was. The message that failed keeps its place, and no attempt is counted.
 *
 * @example
 * import { deadLetter, errorPolicy, otherwise, pause, retry, when } from "spillway";
 * class PaymentDownError extends Error {}
 * const errors = errorPolicy(
 *   when(PaymentDownError, pause({ failures: 5, windowMs: 10_000, probeAfterMs: 1_000 })),
 *   otherwise(retry().then(deadLetter())),
 * );
 */
export function pause(options: PauseOptions = {}): PauseAction {
  assertKnownOptions(options, knownPause, "pause");
  const { failures = 5, windowMs = 10_000, probeAfterMs = 1_000 } = options;
  assertWhole("pause: failures", failures, 1, pauseFailuresMax);
  assertMilliseconds("pause: windowMs", windowMs, 1);
  assertMilliseconds("pause: probeAfterMs", probeAfterMs, 1);
  const probeMsMax = options.probeMsMax ?? probeAfterMs * 4;
  assertMilliseconds("pause: probeMsMax", probeMsMax, probeAfterMs);
  const complete = Object.freeze({ failures, windowMs, probeAfterMs, probeMsMax });
  return Object.freeze({ kind: "pause", options: complete });
}

/**
 * Calls the handler again later. Errors that say that another try cannot help (`Reject` …) go to
 * what follows at once.
 *
 * @example
 * import { deadLetter, errorPolicy, exponential, otherwise, retry } from "spillway";
 * const patiently = retry(exponential({ maxMs: 60_000 }), { attempts: 20, ageMsMax: 600_000 });
 * const errors = errorPolicy(otherwise(patiently.then(deadLetter("still failing"))));
 */
export function retry(
  schedule: RetrySchedule = exponential(),
  bounds: RetryBounds = {},
): RetryStep {
  assertKnownOptions(bounds, knownBounds, "retry");
  const { attempts = 5, ageMsMax = Number.POSITIVE_INFINITY } = bounds;
  if (typeof (schedule as Partial<RetrySchedule> | null)?.waitMs !== "function") {
    throw invalidPolicy("retry: the schedule has no waitMs: give immediate(), linear({ … }) …");
  }
  assertWhole("retry: attempts", attempts, 1, retryAttemptsMax);
  if (ageMsMax !== Number.POSITIVE_INFINITY) assertMilliseconds("retry: ageMsMax", ageMsMax, 1);
  return Object.freeze({
    // oxlint-disable-next-line unicorn/no-thenable -- the word of the policy; it is never awaited
    then(next: EndAction | PauseAction | FallbackAction): RetryAction {
      assertFollows("retry().then", next, ["dead-letter", "discard", "park", "pause", "fallback"]);
      return Object.freeze({ kind: "retry", schedule, attempts, ageMsMax, next });
    },
  });
}

/**
 * Another handler for what failed: called with the message, the error and a context of its own.
 * What it returns, publishes and changes commits together with the acknowledgement.
 *
 * @example
 * import { deadLetter, errorPolicy, fallback, otherwise, retry } from "spillway";
 * const later: string[] = [];
 * const note = fallback((message) => {
 *   later.push(message.id);
 * });
 * const errors = errorPolicy(otherwise(retry().then(note.then(deadLetter()))));
 */
export function fallback(handle: FallbackHandler): FallbackStep {
  if (typeof handle !== "function") {
    throw invalidPolicy(`fallback: ${typeof handle} is no function: give (message, error) => …`);
  }
  return Object.freeze({
    // oxlint-disable-next-line unicorn/no-thenable -- the word of the policy; it is never awaited
    then(next: EndAction): FallbackAction {
      assertFollows("fallback().then", next, ["dead-letter", "discard", "park"]);
      return Object.freeze({ kind: "fallback", handle, next });
    },
  });
}

/** Throws INVALID_ARGUMENT unless it is an action of one of these kinds. */
export function assertFollows(place: string, action: unknown, kinds: readonly string[]): void {
  const { kind, then } = (action ?? {}) as { readonly kind?: unknown; readonly then?: unknown };
  if (typeof kind === "string" && kinds.includes(kind)) return;
  if (typeof then === "function") {
    const what = "a retry() or fallback() without an end";
    throw invalidPolicy(`${place} was given ${what}: add .then(deadLetter())`);
  }
  const what = typeof kind === "string" ? kind : String(action);
  throw invalidPolicy(`${place} was given ${what}: give one of ${kinds.join(", ")}`);
}

function checkedReason(place: string, reason: string | undefined): string | undefined {
  if (reason === undefined && place !== "discard") return undefined;
  if (typeof reason === "string" && reason.length > 0 && reason.length <= policyReasonLengthMax) {
    return reason;
  }
  const rule = `give text of 1 to ${policyReasonLengthMax} characters`;
  throw invalidPolicy(`${place}: the reason is ${JSON.stringify(reason)}: ${rule}`);
}
