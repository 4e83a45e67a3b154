// How a subscription answers those who sent the messages it handles: a port that requests/
// implements. Shapes only. Always true: where it is absent, nobody is answered and nothing costs.
import type { OutgoingMessage } from "../contracts/contract.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import type { EncodedMessage } from "./outgoing-encoder.ts";
import type { ReceivedMessage } from "./received-message.ts";

/** How a message ended of which no handler gave a reply. */
export type Ending =
  | {
      readonly kind: "failed";
      readonly code: string;
      readonly reason: string;
      readonly attempts: number;
    }
  | { readonly kind: "expired" };

/** What a handler returned, told apart. */
export interface Returned {
  /** Undefined: a message to which there are no replies. */
  readonly reply: unknown;
  /** What is published beside the reply. */
  readonly messages: readonly OutgoingMessage[];
}

/** Answers the senders of one subscription's messages. */
export interface Answers {
  /** Reads what a handler returned. Throws HANDLER_RESULT_INVALID. */
  read(result: unknown): Returned;
  /**
   * The answer that goes into the unit; undefined where nobody asked for one. Throws, or rejects
   * with, VALIDATION_FAILED and what encoding reports.
   */
  encode(
    message: ReceivedMessage,
    reply: unknown,
  ): EncodedMessage | undefined | Promise<EncodedMessage | undefined>;
  /** What the sender is told of a message that ended without a reply; undefined: nothing. */
  notice(stored: StoredBatch, record: number, ending: Ending): EncodedMessage | undefined;
}
