// What a failed handler call means: try again (when?) or give up (why?). Knows nothing of storage.
// Always true: the reason is bounded, whatever was thrown.
import { RetryLater } from "../errors/handler-outcomes.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { backoffMs } from "../kernel/backoff.ts";
import type { Random } from "../kernel/random.ts";

/** How often a failed message is tried again, and how long between: exponential, full jitter. */
export interface RetryOptions {
  /** Handler calls in all; after the last failure the message goes to the dead letters. */
  readonly attempts: number;
  /** Longest wait after the first failure, in ms; it doubles with every further one. */
  readonly delayMsMin: number;
  /** Longest wait of all, in ms. */
  readonly delayMsMax: number;
}

/** Most bytes of a reason that is stored with a message. */
export const reasonBytesMax = 4_096;

/** One failed handler call. */
export interface Failure {
  /** A code of the error table. */
  readonly code: string;
  readonly reason: string;
  readonly error: unknown;
  /** Whether another try can help. */
  readonly isRetryable: boolean;
  /** The wait that the handler asked for, in ms. */
  readonly afterMs: number | undefined;
}

/** What is known of anything that was thrown. */
export function failureOf(error: unknown): Failure {
  if (error instanceof RetryLater) {
    const reason = reasonOf(error.cause ?? error);
    return { code: error.code, reason, error, isRetryable: true, afterMs: error.afterMs };
  }
  if (error instanceof SpillwayError) {
    // What closes now may be open at the next delivery, elsewhere.
    const isRetryable = error.retryable || error.code === "CLOSED";
    const { code } = error;
    return { code, reason: reasonOf(error), error, isRetryable, afterMs: undefined };
  }
  const reason = reasonOf(error);
  return { code: "HANDLER_FAILED", reason, error, isRetryable: true, afterMs: undefined };
}

/** The message of anything that was thrown, in at most reasonBytesMax bytes. */
export function reasonOf(error: unknown): string {
  let text: string;
  try {
    text = error instanceof Error ? error.message || error.name : String(error);
  } catch {
    text = "something that has no text form was thrown";
  }
  return boundedReason(text);
}

/** The text, cut at a whole character where it takes more than reasonBytesMax bytes. */
export function boundedReason(text: string): string {
  if (text.length * 3 <= reasonBytesMax || Buffer.byteLength(text) <= reasonBytesMax) return text;
  const head = text.slice(0, reasonBytesMax);
  const bytes = Buffer.from(head).subarray(0, reasonBytesMax - 3);
  return `${bytes.toString("utf8").replace(/\uFFFD$/, "")}…`;
}

/** A call that was in vain too often, because others changed what it had read. */
export function stateConflict(type: string, reruns: number): SpillwayError {
  return new SpillwayError(
    "STATE_CONFLICT",
    `the state that the handler of '${type}' read was changed by others in each of ` +
      `${reruns + 1} calls: spread hot state over more keys`,
  );
}

/** How long to wait after the `attempt`-th failure; undefined: give up. */
export function retryAfterMs(
  failure: Failure,
  attempt: number,
  retry: RetryOptions,
  random: Random,
): number | undefined {
  if (!failure.isRetryable || attempt >= retry.attempts) return undefined;
  return failure.afterMs ?? backoffMs(attempt, retry, random);
}
