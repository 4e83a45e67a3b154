// One request that wants one answer: its outcome, its signal. Knows nothing of sending. Always
// true: the first of answer, deadline, signal and failure decides; the others change nothing.
import type { AnyCommand } from "../contracts/command.ts";
import type { MessageOptions } from "../contracts/contract.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { AnyAnswer, AnyOutcome } from "./outcome.ts";
import type { End, PendingRequests, Waiting } from "./pending-requests.ts";
import type { RequestCounters } from "./request-counters.ts";

/** A request as it is stored. */
export type SentOptions = MessageOptions & {
  readonly id: string;
  readonly signal?: AbortSignal;
};

/** What the receipt of a request says. */
export interface StoredRequest {
  readonly channel: string;
  readonly offset: number | undefined;
  /** Whether it had been stored before. */
  readonly duplicate: boolean;
}

/** What a request belongs to. */
export interface RequestOwner {
  readonly pending: PendingRequests;
  readonly counters: RequestCounters;
}

/** A request that wants one answer. */
export class SingleRequest implements Waiting {
  readonly id: string;
  readonly command: AnyCommand;
  readonly dueMs: number;
  readonly outcome: Promise<AnyOutcome>;
  place = -1;
  twin: Waiting | undefined;
  isOver = false;
  isRepeated = false;
  readonly #owner: RequestOwner;
  readonly #signal: AbortSignal | undefined;
  readonly #settle: PromiseWithResolvers<AnyOutcome>;

  constructor(
    owner: RequestOwner,
    command: AnyCommand,
    given: {
      readonly id: string;
      readonly dueMs: number;
      readonly signal: AbortSignal | undefined;
    },
  ) {
    this.#owner = owner;
    this.command = command;
    this.id = given.id;
    this.dueMs = given.dueMs;
    this.#signal = given.signal;
    this.#settle = Promise.withResolvers();
    this.outcome = this.#settle.promise;
  }

  /** It is stored: from now on its signal gives up waiting, and nothing else. */
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

  answered(answer: AnyAnswer): void {
    this.#end(answer, "answered");
  }

  timedOut(): void {
    this.#end({ type: "timeout" }, "unanswered");
  }

  /** Nobody handles it: it is not stored. */
  unhandled(): void {
    this.#end({ type: "unhandled" }, "unanswered");
  }

  failed(error: unknown): void {
    if (!this.#close("unanswered")) return;
    this.#owner.counters.rejected++;
    this.#settle.reject(error);
  }

  #end(outcome: AnyOutcome, end: End): void {
    if (!this.#close(end)) return;
    this.#owner.counters.count(outcome.type);
    this.#settle.resolve(outcome);
  }

  #close(end: End): boolean {
    if (!this.#owner.pending.end(this, end)) return false;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    return true;
  }
}
