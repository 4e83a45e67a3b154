// What bus.publish and bus.publishMany take besides the message. Names that nobody knows are
// refused where a message is encoded.
import type { MessageOptions } from "../contracts/contract.ts";
import { messageOptionNames } from "../delivery/message-options.ts";

/** Options of one bus.publish(): those of the message, and of the call. */
export interface PublishOptions extends MessageOptions {
  /**
   * Gives up waiting. Before the message was handed to the transport it is surely not stored
   * (ABORTED, "definite"), afterwards it may be ("indefinite").
   */
  readonly signal?: AbortSignal;
  /**
   * Inside a handler: publish at once and for good, whatever becomes of the message being handled.
   * Without it `bus.publish` inside a handler is refused (PUBLISH_INSIDE_HANDLER).
   */
  readonly detached?: boolean;
}

/** Options of one bus.publishMany(): they hold for every message of the call. */
export type PublishManyOptions = Omit<PublishOptions, "id" | "sequence">;

/** Their names: an id and a number belong to one message. */
export const publishManyOptionNames: ReadonlySet<string> = new Set(
  [...messageOptionNames].filter((name) => name !== "id" && name !== "sequence"),
);
