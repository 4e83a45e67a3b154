// Commands: requests in the imperative, each with one receiver and a closed set of replies.
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { AnyContract, Contract, MessageOptions, OutgoingMessage } from "./contract.ts";
import { contractOf, eventOptions, type EventOptions, outgoing } from "./event.ts";
import {
  type DeepReadonly,
  type InputOf,
  isStandardSchema,
  type StandardSchema,
} from "./standard-schema.ts";

/** Reply names that mean something else in the outcome of a request. */
export const reservedReplies = ["timeout", "failed", "expired", "unhandled"] as const;

const replyName = /^[A-Za-z][A-Za-z0-9]{0,63}$/;

/** The replies a command declares: name → schema. */
export type ReplySchemas = Readonly<Record<string, StandardSchema>>;

/** One reply of a command, made by `Command.replies.name(data)`. */
export interface Reply<Type extends string, Name extends string, Data> {
  readonly command: Type;
  readonly type: Name;
  readonly data: DeepReadonly<Data>;
}

/** The makers of a command's replies. */
export type ReplyMakers<Type extends string, Replies extends ReplySchemas> = {
  readonly [Name in keyof Replies & string]: (
    data: InputOf<Replies[Name]>,
  ) => Reply<Type, Name, InputOf<Replies[Name]>>;
};

/** The contract of a command. */
export interface CommandContract<
  Type extends string,
  Version extends number,
  Schema extends StandardSchema,
  Replies extends ReplySchemas,
> extends Contract<"command", Type, Version, Schema> {
  readonly replySchemas: Replies;
  readonly replies: ReplyMakers<Type, Replies>;
  message(
    data: InputOf<Schema>,
    options?: MessageOptions,
  ): OutgoingMessage<CommandContract<Type, Version, Schema, Replies>>;
}

/**
 * Any command, whatever its data and replies. An interface of its own, so that commands are
 * compared with it member by member and not by type argument.
 */
export interface AnyCommand extends AnyContract {
  readonly kind: "command";
  readonly replySchemas: ReplySchemas;
}

/** Every reply a command can give, as a union. */
export type ReplyOf<Command> = Command extends {
  readonly kind: "command";
  readonly type: infer Type extends string;
  readonly replySchemas: infer Replies extends ReplySchemas;
}
  ? {
      [Name in keyof Replies & string]: Reply<Type, Name, InputOf<Replies[Name]>>;
    }[keyof Replies & string]
  : never;

/** For each reply with a reserved name, a type that no schema has: the error names the fault. */
type NoReservedName<Replies> = {
  readonly [Name in keyof Replies]: Name extends (typeof reservedReplies)[number]
    ? "this reply name is reserved for the outcome of a request"
    : unknown;
};

/** What defineCommand() takes. */
export interface CommandOptions<
  Version extends number,
  Schema extends StandardSchema,
  Replies extends ReplySchemas,
> extends EventOptions<Version, Schema> {
  /** The replies it can have: name → schema. Names of request outcomes are reserved. */
  readonly replies: Replies & NoReservedName<Replies>;
}

const known = optionNames<CommandOptions<number, StandardSchema, ReplySchemas>>({
  ...eventOptions,
  replies: true,
});

/**
 * Defines a command. Pure: nothing is created until a bus uses it.
 * Throws INVALID_NAME or INVALID_ARGUMENT, as for a reserved reply name.
 *
 * @example
 * import { defineCommand } from "spillway";
 * import { z } from "zod";
 * const ReserveStock = defineCommand("com.acme.stock.reserve", {
 *   data: z.object({ sku: z.string() }),
 *   replies: { reserved: z.object({ until: z.string() }), outOfStock: z.object({}) },
 * });
 * console.log(ReserveStock.replies.reserved({ until: "2030-01-01" }).type); // reserved
 */
export function defineCommand<
  const Type extends string,
  Schema extends StandardSchema,
  const Replies extends ReplySchemas,
  const Version extends number = 1,
>(
  type: Type,
  options: CommandOptions<Version, Schema, Replies>,
): CommandContract<Type, Version, Schema, Replies> {
  const names = Object.keys(options.replies ?? {});
  for (const name of names) {
    const fault = replyFaultOf(name, options.replies[name]);
    if (fault === undefined) continue;
    throw new SpillwayError("INVALID_ARGUMENT", `command '${type}': reply '${name}' ${fault}`);
  }
  const makers = Object.fromEntries(
    names.map((name) => [name, (data: unknown) => new CommandReply(type, name, data)]),
  );
  const command: CommandContract<Type, Version, Schema, Replies> = {
    ...contractOf("command", type, options),
    message: (data, messageOptions) => outgoing(command, data, messageOptions),
    replySchemas: Object.freeze({ ...options.replies }),
    replies: Object.freeze(makers) as unknown as ReplyMakers<Type, Replies>,
  };
  assertKnownOptions(options, known, "command", type);
  return Object.freeze(command);
}

class CommandReply implements Reply<string, string, unknown> {
  readonly command: string;
  readonly type: string;
  readonly data: unknown;

  constructor(command: string, type: string, data: unknown) {
    this.command = command;
    this.type = type;
    this.data = data;
  }
}

/** Whether a value is a reply made by a command (and not a look-alike). */
export function isReply(value: unknown): value is Reply<string, string, unknown> {
  return value instanceof CommandReply;
}

function replyFaultOf(name: string, schema: unknown): string | undefined {
  if ((reservedReplies as readonly string[]).includes(name)) {
    return "has a name that is reserved for request outcomes: rename it";
  }
  if (!replyName.test(name)) {
    return "has a name that is not valid: use letters and digits, at most 64, a letter first";
  }
  return isStandardSchema(schema) ? undefined : "has a schema that is not a Standard Schema";
}
