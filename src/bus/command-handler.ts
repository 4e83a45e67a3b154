// How the handler of a command is typed: what it receives follows from the command, and so does
// what it must return. Types only. Always true: a handler that forgets the reply, or gives one that
// the command does not declare, does not compile.
import type { AnyCommand, ReplyOf } from "../contracts/command.ts";
import type { MessageOf, OutgoingMessage } from "../contracts/contract.ts";
import type { HandlerContext, StateSchemas } from "../delivery/handler-context.ts";
import type { CommonSubscribeOptions } from "./subscribe-options.ts";
import type { HandlerResult } from "./subscription-handler.ts";

/**
 * Options of bus.handle(). `group` names the service, by default the bus: the group itself has the
 * command's type added. There is no at-most-once: a reply goes out with the acknowledgement.
 */
export type HandleOptions<State extends StateSchemas = StateSchemas> =
  | (CommonSubscribeOptions & {
      /** Default "at-least-once": a crash repeats handlers. */
      readonly delivery?: "at-least-once";
      readonly state?: undefined;
    })
  | (CommonSubscribeOptions & {
      /** What a handler changes through its context exists once, however often it ran. */
      readonly delivery: "effectively-once";
      /** Tables of `context.state`: name → schema of the values. */
      readonly state?: State;
    });

/**
 * What the handler of a command returns: one of its replies, alone or first in a list with messages
 * to publish. Of a command without replies: messages, or nothing.
 */
export type HandleResult<Command extends AnyCommand> = [ReplyOf<Command>] extends [never]
  ? HandlerResult
  : ReplyOf<Command> | readonly [ReplyOf<Command>, ...(OutgoingMessage | undefined)[]];

/** The handler of a command. */
export type CommandHandler<Command extends AnyCommand, State extends StateSchemas> = (
  message: MessageOf<Command>,
  context: HandlerContext<State>,
) => HandleResult<Command> | Promise<HandleResult<Command>>;
