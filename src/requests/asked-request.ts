// What all requests have in common: id, deadline, signal, and the promise of what they come to.
// Knows nothing of sending. Always true: it ends once; its signal is let go when it does.
import type { AnyCommand } from "../contracts/command.ts";
import type { MessageOptions } from "../contracts/contract.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { AnyAnswer } from "./outcome.ts";
import type { AnswerOrigin, End, PendingRequests, Waiting } from "./pending-requests.ts";
import type { RequestCounters } from "./request-counters.ts";

/** A request as it is stored. */
export type SentOptions = MessageOptions & {
  readonly id: string;
  readonly signal?: AbortSignal;
};

/** What a request belongs to. */
export interface RequestOwner {
  readonly pending: PendingRequests;
  readonly counters: RequestCounters;
}

/** Which request it is, and how long it waits. */
export interface RequestTerms {
  readonly id: string;
  /** Monotonic ms. */
  readonly dueMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A request as the one who sends it sees it. */
export interface Asked extends Waiting {
  /** The groups that handle the command, known before it is stored; none: it is over. */
  handledBy(groups: readonly string[]): void;
  /** It is stored: from now on its signal gives up waiting, and nothing else. */
  stored(): void;
}

/** A request from its call to its end. */
export abstract class AskedRequest<Result> implements Asked {
  readonly id: string;
  readonly command: AnyCommand;
  readonly dueMs: number;
  readonly result: Promise<Result>;
  place = -1;
  twin: Waiting | undefined;
  isOver = false;
  isRepeated = false;
  protected readonly owner: RequestOwner;
  readonly #signal: AbortSignal | undefined;
  readonly #settle: PromiseWithResolvers<Result>;

  constructor(owner: RequestOwner, command: AnyCommand, { id, dueMs, signal }: RequestTerms) {
    this.owner = owner;
    this.command = command;
    this.id = id;
    this.dueMs = dueMs;
    this.#signal = signal;
    this.#settle = Promise.withResolvers();
    this.result = this.#settle.promise;
  }

  abstract handledBy(groups: readonly string[]): void;
  abstract answered(answer: AnyAnswer, origin: AnswerOrigin): boolean;
  abstract timedOut(): void;

  stored(): void {
    const signal = this.#signal;
    if (this.isOver || signal === undefined) return;
    if (signal.aborted) return this.#onAbort();
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  readonly #onAbort = (): void => {
    const { type } = this.command;
    this.failed(
      new SpillwayError("ABORTED", `the wait for the outcome of '${type}' was aborted`, {
        cause: this.#signal?.reason,
        details: { type, id: this.id },
      }),
    );
  };

  failed(error: unknown): void {
    if (!this.close("unanswered")) return;
    this.owner.counters.rejected++;
    this.#settle.reject(error);
  }

  /** Ends it; false where it had ended before. */
  protected close(end: End): boolean {
    if (!this.owner.pending.end(this, end)) return false;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    return true;
  }

  /** Gives the result, after close(). */
  protected settle(result: Result): void {
    this.#settle.resolve(result);
  }
}
