// What bus.publish and bus.publishMany take besides the message. Types only.
import type { MessageOptions } from "../contracts/contract.ts";

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
export type PublishManyOptions = Omit<PublishOptions, "id">;
