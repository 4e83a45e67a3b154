// How the handlers of a command and of its replies are typed: what they receive follows from the
// command, and so does what they must return. Types only. Always true: a handler of a command that
// forgets the reply, or gives one that the command does not declare, does not compile.
import type { AnyCommand, ReplyOf } from "../contracts/command.ts";
import type { MessageOf, OutgoingMessage } from "../contracts/contract.ts";
import type { HandlerContext, StateSchemas } from "../delivery/handler-context.ts";
import type { ReceivedReplyOf } from "../requests/outcome.ts";
import type { ErrorOptions } from "./error-options.ts";
import type { CommonSubscribeOptions, SubscribeOptions } from "./subscribe-options.ts";
import type { HandlerResult } from "./subscription-handler.ts";

/**
 * Options of bus.handle(). `group` names the service, by default the bus: the group itself has the
 * command's type added. There is no at-most-once: a reply goes out with the acknowledgement.
 */
export type HandleOptions<State extends StateSchemas = StateSchemas> =
  | (CommonSubscribeOptions &
      ErrorOptions & {
        /** Default "at-least-once": a crash repeats handlers. */
        readonly delivery?: "at-least-once";
        readonly state?: undefined;
      })
  | (CommonSubscribeOptions &
      ErrorOptions & {
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

/**
 * Options of bus.replies(). `group` names the service, by default the bus: the group itself has the
 * command's type added.
 */
export type RepliesOptions<State extends StateSchemas = StateSchemas> = SubscribeOptions<State> & {
  /** The channel to which the answers go; the same name as in bus.send(). */
  readonly replyTo: string;
};

/** The handler of a command's replies. */
export type ReplyHandler<Command extends AnyCommand, State extends StateSchemas> = (
  reply: ReceivedReplyOf<Command>,
  context: HandlerContext<State>,
) => HandlerResult | Promise<HandlerResult>;
