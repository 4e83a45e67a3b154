// What a request to many, and many requests at once, come to. Types only. Always true: what is
// there is typed like the outcome of a single request, and what is missing is named.
import type { AnyCommand } from "../contracts/command.ts";
import type { OutgoingMessage } from "../contracts/contract.ts";
import type {
  AnyAnswer,
  AnyOutcome,
  ExpiredOutcome,
  FailedOutcome,
  OutcomeOf,
  ReplyOutcomeOf,
} from "./outcome.ts";
import type { RequestOptions } from "./request-options.ts";

/** Why a scatter ended. "unhandled": nobody handles the command, and nothing was stored. */
export type ScatterEnd = "all" | "quorum" | "deadline" | "unhandled";

/** One handler's answer. */
export interface PartOf<Command extends AnyCommand> {
  /** The service whose group answered. */
  readonly handler: string;
  readonly outcome: ReplyOutcomeOf<Command> | FailedOutcome | ExpiredOutcome;
}

/** What bus.scatter() resolves with. */
export interface ScatteredOf<Command extends AnyCommand> {
  readonly type: ScatterEnd;
  /** The answers, in the order in which they came; at most one of each handler. */
  readonly parts: readonly PartOf<Command>[];
  /** The handlers that had not answered when it ended. */
  readonly missing: readonly string[];
}

/** Options of bus.scatter(). */
export interface ScatterOptions<ReplyName extends string = string> extends RequestOptions {
  /** Ends as soon as so many have answered with a reply; default: when all have. */
  readonly quorum?: number;
  /** The replies that count for the quorum; default: every reply of the command. */
  readonly counts?: readonly ReplyName[];
}

/** The names of a command's replies. */
export type ReplyNameOf<Command extends AnyCommand> = keyof Command["replySchemas"] & string;

/** The command of a message made by `Command.message(data)`. */
export type CommandOf<Request> =
  Request extends OutgoingMessage<infer Command> ? Extract<Command, AnyCommand> : never;

/** What bus.gather() resolves with. */
export interface GatheredOf<Requests extends readonly OutgoingMessage[]> {
  /** Why it ended: every request had its outcome, enough had a reply, or time was up. */
  readonly type: "all" | "quorum" | "deadline";
  /** The outcome of each request, in their order; `timeout` where none had come. */
  readonly parts: { readonly [Index in keyof Requests]: OutcomeOf<CommandOf<Requests[Index]>> };
}

/** Options of bus.gather(). */
export interface GatherOptions {
  /** How long to wait for all of them. Default 30 s. */
  readonly timeoutMs?: number;
  /** Ends as soon as so many have a reply; default: when all have their outcome. */
  readonly quorum?: number;
  /** Gives up waiting: rejects with ABORTED. The requests may be handled all the same. */
  readonly signal?: AbortSignal;
  /** Of which the ids of the requests are made; needed inside a handler, as for a request. */
  readonly id?: string;
}

/** A part, whatever the command. */
export interface AnyPart {
  readonly handler: string;
  readonly outcome: AnyAnswer;
}

/** A scatter's result, whatever the command. */
export interface AnyScattered {
  readonly type: ScatterEnd;
  readonly parts: readonly AnyPart[];
  readonly missing: readonly string[];
}

/** A gathering's result, whatever the commands. */
export interface AnyGathered {
  readonly type: "all" | "quorum" | "deadline";
  readonly parts: readonly AnyOutcome[];
}
