// What becomes of a message whose handler failed: a port that recovery/ implements, and the answer
// that a subscription has without it. Knows nothing of matching, circuits or storage. Always true:
// an answer that keeps the message keeps its place in the order of its key.
import type { Random } from "../kernel/random.ts";
import { type Failure, retryAfterMs, type RetryOptions } from "./failure.ts";
import type { HandlerContext } from "./handler-context.ts";
import type { Message } from "../contracts/contract.ts";

/** One failed call, as rules see it. */
export interface FailedCall {
  readonly failure: Failure;
  /** Failures so far, this one included. */
  readonly attempt: number;
  /** Since the message's time, in wall ms. */
  readonly ageMs: number;
}

/** Called instead of the handler for a message that failed. */
export type FallbackHandler = (
  message: Message<string, number, unknown>,
  error: unknown,
  context: HandlerContext,
) => unknown;

/** An answer after which nothing is called for a while, or ever. */
export type FinalVerdict =
  | { readonly kind: "dead-letter"; readonly reason: string }
  | { readonly kind: "discard"; readonly reason: string }
  | { readonly kind: "hold"; readonly reason: string };

/** Something else is called for the message; where that fails, `after` says what follows. */
export interface FallbackVerdict {
  readonly kind: "fallback";
  readonly handle: FallbackHandler;
  after(failure: Failure): FinalVerdict;
}

/** A fallback for one failed call. */
export interface FallbackCall extends FallbackVerdict {
  /** With what the handler failed. */
  readonly error: unknown;
}

/**
 * What is to be done. "retry": again after that time. "wait": the same, and no attempt is counted.
 * "hold": not before somebody releases it.
 */
export type Verdict =
  | FinalVerdict
  | { readonly kind: "retry" | "wait"; readonly afterMs: number }
  | FallbackVerdict;

/** The rules of one subscription. */
export interface FailureRules {
  /** Asked once for each call that failed. */
  decide(call: FailedCall): Verdict;
  /** A call ended well; asked for only where it is given. */
  readonly succeeded?: (() => void) | undefined;
}

/** The rules of a subscription that has only the short form: retry, then the dead letters. */
export class RetryRules implements FailureRules {
  readonly #retry: RetryOptions;
  readonly #random: Random;

  constructor(retry: RetryOptions, random: Random) {
    this.#retry = retry;
    this.#random = random;
  }

  decide({ failure, attempt }: FailedCall): Verdict {
    const afterMs = retryAfterMs(failure, attempt, this.#retry, this.#random);
    if (afterMs !== undefined) return { kind: "retry", afterMs };
    return { kind: "dead-letter", reason: failure.reason };
  }
}
