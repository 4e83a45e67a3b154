// What an aggregate is asked for and what it comes to. Types only. Always true: parts are typed
// like the outcome of a request, told apart by the command that was asked; what is missing is
// named.
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyContract, MessageOf, OutgoingMessage } from "../contracts/contract.ts";
import type { AnyAnswer, ExpiredOutcome, FailedOutcome, ReplyOutcomeOf } from "./outcome.ts";

/** Why an aggregate ended. */
export type AggregateEnd = "all" | "quorum" | "deadline";

/** One answer. */
export type AggregatePartOf<Command extends AnyCommand> = Command extends AnyCommand
  ? {
      /** The type of the command that was asked. */
      readonly command: Command["type"];
      /** Which question it answers: its index in what `ask` gave. */
      readonly question: number;
      /** The service whose group answered. */
      readonly handler: string;
      readonly outcome: ReplyOutcomeOf<Command> | FailedOutcome | ExpiredOutcome;
    }
  : never;

/** An answer that had not come. */
export interface MissingPart {
  readonly question: number;
  /** Whose; undefined where anybody's would do. */
  readonly handler: string | undefined;
}

/** What the handler of bus.aggregate() gets, once for each message that began an aggregate. */
export interface AggregatedOf<Command extends AnyCommand, Kept> {
  readonly type: AggregateEnd;
  /** The id of the message that began it. */
  readonly startId: string;
  /** What `keep` took from that message. */
  readonly kept: Kept;
  /** The answers, in the order of the questions, then in the order in which they came. */
  readonly parts: readonly AggregatePartOf<Command>[];
  readonly missing: readonly MissingPart[];
}

/** What an aggregate asks, of whom, and until when. */
export interface AggregateRules<
  Start extends AnyContract,
  Commands extends readonly AnyCommand[],
  Kept,
> {
  /** Names it, and with it its channel and group: the same in every process and version. */
  readonly name: string;
  /** The commands that `ask` may ask. */
  readonly commands: Commands;
  /** The questions that a message leads to, made by `Command.message(data)`; at most 1,000. */
  readonly ask: (
    message: MessageOf<Start>,
  ) =>
    | readonly OutgoingMessage<Commands[number]>[]
    | Promise<readonly OutgoingMessage<Commands[number]>[]>;
  /** What of the message the result shall have; it must have a JSON form. Default: nothing. */
  readonly keep?: (message: MessageOf<Start>) => Kept;
  /**
   * "first" (default): one answer to a question, of whoever handles it. "every": one of each
   * service that handles the command when the question is asked.
   */
  readonly answers?: "first" | "every";
  /** Ends as soon as so many replies have come; default: when all answers have. */
  readonly quorum?: number;
  /** The replies that count for the quorum; default: every reply. */
  readonly counts?: readonly string[];
  /** Ends with what is there after so long; questions expire then. Default 30 s. */
  readonly timeoutMs?: number;
}

/** The rules, whatever the contracts. */
export type AnyAggregateRules = AggregateRules<AnyContract, readonly AnyCommand[], unknown>;

/** A result, whatever the commands. */
export interface AnyAggregated {
  readonly type: AggregateEnd;
  readonly startId: string;
  readonly kept: unknown;
  readonly parts: readonly {
    readonly command: string;
    readonly question: number;
    readonly handler: string;
    readonly outcome: AnyAnswer;
  }[];
  readonly missing: readonly MissingPart[];
}
