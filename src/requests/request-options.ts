// What bus.request() takes besides command and data, with its defaults and checks. Owns no
// behaviour.
import type { MessageOptions } from "../contracts/contract.ts";
import { SpillwayError } from "../errors/spillway-error.ts";

/** Checks how many answers are enough. Throws INVALID_ARGUMENT. */
export function assertQuorum(type: string, quorum: number | undefined): void {
  if (quorum === undefined || (Number.isInteger(quorum) && quorum >= 1)) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `request '${type}': quorum is ${String(quorum)}: give a whole number, 1 or more`,
    { details: { type, option: "quorum" } },
  );
}

/** How long a request waits that says nothing. */
export const requestTimeoutMsDefault = 30_000;

/** Options of one bus.request(): of the message, and of the wait. */
export interface RequestOptions
  extends Omit<MessageOptions, "replyTo" | "delayMs" | "deliverAtMs"> {
  /** How long to wait for the outcome. Default 30 s. */
  readonly timeoutMs?: number;
  /** Gives up waiting: rejects with ABORTED. The request may be handled all the same. */
  readonly signal?: AbortSignal;
  /**
   * The message's id. Inside a handler it must be given, derived from `context.idempotencyKey`, so
   * that a repeated handler asks the same question again instead of another one.
   */
  readonly id?: string;
  /**
   * When handlers need not begin any more. Default: `timeoutMs`, so that nobody works for a caller
   * who left.
   */
  readonly expiresInMs?: number;
}

/** The time to wait. Throws INVALID_ARGUMENT. */
export function timeoutMsOf(
  type: string,
  options: Pick<RequestOptions, "timeoutMs"> | undefined,
): number {
  const timeoutMs = options?.timeoutMs ?? requestTimeoutMsDefault;
  if (typeof timeoutMs === "number" && timeoutMs > 0 && Number.isFinite(timeoutMs)) {
    return timeoutMs;
  }
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `request '${type}': timeoutMs is ${String(timeoutMs)}: give a number of milliseconds above 0`,
    { details: { type, option: "timeoutMs" } },
  );
}
