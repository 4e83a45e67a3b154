// What a request can come to. Types only. Always true: exactly one outcome for each request; the
// names that are not replies are reserved, so that `type` tells all of them apart.
import type { AnyCommand, ReplySchemas } from "../contracts/command.ts";
import type { DeepReadonly, InputOf, OutputOf } from "../contracts/standard-schema.ts";

/** No answer came in time; the request may be handled all the same, unless it expired. */
export interface TimeoutOutcome {
  readonly type: "timeout";
}

/** The handler gave up, or the request or its reply could not be understood. */
export interface FailedOutcome {
  readonly type: "failed";
  /** A code of the error table, as REJECTED or HANDLER_FAILED. */
  readonly code: string;
  /** In the handler's words, or the library's. */
  readonly reason: string;
  /** Handler calls; 0: none. */
  readonly attempts: number;
}

/** The request's time had passed before a handler took it: nobody worked on it. */
export interface ExpiredOutcome {
  readonly type: "expired";
}

/** Nobody handles this command: nothing was stored. */
export interface UnhandledOutcome {
  readonly type: "unhandled";
}

/** The replies of a command as its sender receives them: data is the schema's output. */
export type ReplyOutcomeOf<Command> = Command extends {
  readonly replySchemas: infer Replies extends ReplySchemas;
}
  ? {
      [Name in keyof Replies & string]: {
        readonly type: Name;
        readonly data: DeepReadonly<OutputOf<Replies[Name]>>;
      };
    }[keyof Replies & string]
  : never;

/** Everything that bus.request() can resolve with. */
export type OutcomeOf<Command extends AnyCommand> =
  | ReplyOutcomeOf<Command>
  | TimeoutOutcome
  | FailedOutcome
  | ExpiredOutcome
  | UnhandledOutcome;

/** An answer as bus.replies() receives it: whenever it comes, for whatever process asked. */
export type ReceivedReplyOf<Command extends AnyCommand> = (
  | ReplyOutcomeOf<Command>
  | FailedOutcome
  | ExpiredOutcome
) & {
  /** The id of the command that was sent. */
  readonly requestId: string;
  /** The conversation it belongs to. */
  readonly correlationId: string;
};

/** An answer to a stored request, whatever the command. */
export type AnyAnswer =
  | { readonly type: string; readonly data: unknown }
  | FailedOutcome
  | ExpiredOutcome;

/** An outcome, whatever the command. */
export type AnyOutcome = AnyAnswer | TimeoutOutcome | UnhandledOutcome;

/** The data that a command takes. */
export type DataOf<Command extends AnyCommand> = InputOf<Command["schema"]>;
