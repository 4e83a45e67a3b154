// How a subscription's handler is typed: what it receives follows from the selection, what it may
// return is checked. Types only.
import type { MessageOf, OutgoingMessage } from "../contracts/contract.ts";
import type { HandlerContext, StateSchemas } from "../delivery/handler-context.ts";
import type { Selectable } from "./selection.ts";

/** A handler's result: messages to publish in the unit that acknowledges the handled one. */
export type HandlerResult =
  | void
  | undefined
  | OutgoingMessage
  | readonly (OutgoingMessage | undefined)[];

/** The handler of a subscription. */
export type HandlerOf<Selected extends Selectable, State extends StateSchemas> = (
  message: MessageOf<Selected>,
  context: HandlerContext<State>,
) => HandlerResult | Promise<HandlerResult>;

/** The context of a handler, for functions that a handler calls: of these state tables. */
export type ContextOf<State extends StateSchemas = Record<never, never>> = HandlerContext<State>;
