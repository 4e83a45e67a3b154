// The two errors that handlers throw on purpose, to say what should become of the message.
import { SpillwayError } from "./spillway-error.ts";

/**
 * Thrown by a handler: deliver this message again after `afterMs`. It counts as an attempt.
 *
 * @example
 * import { RetryLater } from "spillway";
 * const handler = async () => {
 *   throw new RetryLater({ afterMs: 2_000 });
 * };
 */
export class RetryLater extends SpillwayError {
  /** How long to wait before the next delivery, in milliseconds. */
  readonly afterMs: number;

  constructor(options: { readonly afterMs: number; readonly cause?: unknown }) {
    super("RETRY_LATER", `the handler asked to be called again in ${options.afterMs} ms`, {
      details: { afterMs: options.afterMs },
      cause: options.cause,
    });
    if (!Number.isFinite(options.afterMs) || options.afterMs < 0) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `RetryLater: afterMs is ${options.afterMs}: give a number of milliseconds, 0 or more`,
      );
    }
    this.afterMs = options.afterMs;
  }
}

/**
 * Thrown by a handler: do not try again; the message goes to the dead-letter channel.
 *
 * @example
 * import { Reject } from "spillway";
 * const handler = async () => {
 *   throw new Reject("the customer no longer exists");
 * };
 */
export class Reject extends SpillwayError {
  /** Why, in the handler's words; kept with the dead letter. */
  readonly reason: string;

  constructor(reason: string, options: { readonly cause?: unknown } = {}) {
    super("REJECTED", `the handler rejected the message: ${reason}`, {
      details: { reason },
      cause: options.cause,
    });
    this.reason = reason;
  }
}
