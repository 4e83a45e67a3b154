// One message in the hands of a bus.messages() loop, from the moment it is offered until its owner
// has settled it and that is durable. Knows nothing of the loop. Always true: it is settled at most
// once; the first call decides.
import type { AnyMessage } from "../contracts/contract.ts";
import { Reject, RetryLater } from "../errors/handler-outcomes.ts";
import { LeaseLostError, SpillwayError } from "../errors/spillway-error.ts";
import type { Priority } from "../message/envelope.ts";

/**
 * A message to settle by hand. Each call resolves when it is durable, and rejects with LEASE_LOST
 * where the message went to somebody else meanwhile and will be delivered again, or "indefinite"
 * where the transport failed. The first call decides; later ones give its promise.
 */
export interface Delivery<Received extends AnyMessage = AnyMessage> {
  readonly message: Received;
  /** Done: never delivered to this group again. */
  ack(): Promise<void>;
  /** Counts as a failed attempt; again after `afterMs`, or as the subscription's `retry` says. */
  retry(options?: { readonly afterMs?: number }): Promise<void>;
  /** Never again: to the dead-letter channel, with this reason. */
  reject(reason: string): Promise<void>;
}

/** A delivery and, on the other side, the handler that waits for it. */
export class HeldDelivery implements Delivery {
  readonly message: AnyMessage;
  /** What the subscription's handler returns: settles when the owner has decided. */
  readonly handled: Promise<void>;
  readonly #handler = Promise.withResolvers<void>();
  readonly #durable = Promise.withResolvers<void>();
  #isSettled = false;

  constructor(message: AnyMessage) {
    this.message = message;
    this.handled = this.#handler.promise;
    // A lost delivery comes again, so nobody has to await ack(): no unhandled rejection then.
    this.#durable.promise.catch(() => undefined);
    this.#handler.promise.catch(() => undefined);
  }

  /** Whether the owner has decided. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  // Functions of their own, so that `const { message, ack } = delivery` works as it reads.
  readonly ack = (): Promise<void> => this.#settle(undefined);

  readonly retry = ({ afterMs }: { readonly afterMs?: number } = {}): Promise<void> =>
    this.#settle(
      afterMs === undefined
        ? new SpillwayError("HANDLER_FAILED", "the reader asked for another delivery")
        : new RetryLater({ afterMs }),
    );

  readonly reject = (reason: string): Promise<void> => this.#settle(new Reject(reason));

  #settle(outcome: SpillwayError | undefined): Promise<void> {
    if (!this.#isSettled) {
      this.#isSettled = true;
      if (outcome === undefined) this.#handler.resolve();
      else this.#handler.reject(outcome);
    }
    return this.#durable.promise;
  }

  /** The decision is durable. */
  commit(): void {
    this.#durable.resolve();
  }

  /** Nobody knows whether the decision is durable. */
  fail(cause: unknown): void {
    this.#isSettled = true;
    const { id, channel } = this.message;
    const error = new SpillwayError(
      cause instanceof SpillwayError ? cause.code : "TRANSPORT_FAILED",
      `message ${id} of '${channel}' may be settled or be delivered again: ` +
        (cause instanceof Error ? cause.message : String(cause)),
      { certainty: "indefinite", cause },
    );
    this.#handler.reject(error);
    this.#durable.reject(error);
  }

  /**
   * The decision comes too late, or will never come: the message is delivered again. The call of
   * the handler is void by then, so that its end acknowledges nothing; it is awaited all the same
   * before the subscription goes on.
   */
  lose(reason: unknown): void {
    this.#isSettled = true;
    const error = new LeaseLostError(
      `message ${this.message.id} of '${this.message.channel}' is no longer this reader's: it ` +
        "is delivered again",
      { cause: reason },
    );
    this.#handler.reject(error);
    this.#durable.reject(error);
  }
}

/** Where a message stands within its channel, as a key. */
export function placeOf(message: { readonly priority: Priority; readonly offset: number }): string {
  return `${message.priority} ${message.offset}`;
}
