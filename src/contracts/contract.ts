// What all contracts share: the types that flow from one definition to producers, handlers, replies
// and tests. Users write none of these type arguments. Knows nothing of buses or transports.
import type { Priority } from "../message/envelope.ts";
import type { DeepReadonly, InputOf, OutputOf, StandardSchema } from "./standard-schema.ts";

/** How sensitive the data of a contract is. */
export type Classification = "public" | "internal" | "confidential" | "personal";

/** Options of one message, given to `Contract.message(data, options)` and to `bus.publish`. */
export interface MessageOptions {
  /** The message's id: any text; a repeat within the window is stored once. Default: a UUIDv7. */
  readonly id?: string;
  /** Overrides the contract's key. */
  readonly key?: string;
  /** Overrides the contract's sequence: the number within the key, a whole number from 0 on. */
  readonly sequence?: number;
  /** CloudEvents `subject`. */
  readonly subject?: string;
  /** Default: inherited from the message being handled, else the message's own id. */
  readonly correlationId?: string;
  /** Default: the id of the message being handled. */
  readonly causationId?: string;
  /** Becomes visible after so many milliseconds. */
  readonly delayMs?: number;
  /** Becomes visible at this time, in wall milliseconds; at once where it is past. */
  readonly deliverAtMs?: number;
  /** Not delivered any more after so many milliseconds; counted as expired. */
  readonly expiresInMs?: number;
  /** For messages without a key; with a key, use the channel's `priorityOf`. */
  readonly priority?: Priority;
  /** The tenant it belongs to. */
  readonly tenant?: string;
  /** The channel a reply should go to. */
  readonly replyTo?: string;
  /** W3C Trace Context; inside a handler it is continued by itself. */
  readonly traceparent?: string;
  /** W3C Trace Context. */
  readonly tracestate?: string;
  /** CloudEvents extension attributes: lower-case letters and digits only. */
  readonly extensions?: Readonly<Record<string, string | number | boolean>>;
}

/** A message that is to be published: what `Contract.message(data)` gives and handlers return. */
export interface OutgoingMessage<Contract extends AnyContract = AnyContract> {
  readonly contract: Contract;
  readonly data: unknown;
  readonly options: MessageOptions | undefined;
}

/** Brings data of an older version to the input of a newer one. */
export interface Upcast<Input = unknown> {
  readonly from: AnyContract;
  /** Takes the older version's output; must be pure. */
  apply(older: unknown): Input;
}

/** What events and commands have in common. */
export interface Contract<
  Kind extends "event" | "command",
  Type extends string,
  Version extends number,
  Schema extends StandardSchema,
> {
  readonly kind: Kind;
  /** The CloudEvents type. */
  readonly type: Type;
  readonly version: Version;
  readonly schema: Schema;
  readonly owner: string | undefined;
  readonly classification: Classification;
  readonly upcasts: readonly Upcast[];
  /** Whether the contract has a key; decides the default order of a subscription. */
  readonly hasKey: boolean;
  /** The key of validated data; undefined where the contract has none. */
  keyOf(data: OutputOf<Schema>): string | undefined;
  /** Whether the contract numbers its messages. */
  readonly hasSequence: boolean;
  /** The number within the key of validated data; undefined where the contract numbers nothing. */
  sequenceOf(data: OutputOf<Schema>): number | undefined;
  /** A message of this contract, to be returned by a handler or given to `context.publish`. */
  message(
    data: InputOf<Schema>,
    options?: MessageOptions,
  ): OutgoingMessage<Contract<Kind, Type, Version, Schema>>;
}

/**
 * Any contract, whatever its data. An interface of its own, so that contracts are compared with it
 * member by member and not by type argument.
 */
export interface AnyContract extends Contract<"event" | "command", string, number, StandardSchema> {
  message(data: unknown, options?: MessageOptions): OutgoingMessage;
}

/** A message as a handler receives it. */
export interface Message<Type extends string, Version extends number, Data> {
  readonly type: Type;
  readonly version: Version;
  /** Validated, upcast where needed, and immutable. */
  readonly data: DeepReadonly<Data>;
  readonly id: string;
  readonly source: string;
  readonly subject: string | undefined;
  /** When it was published, wall milliseconds. */
  readonly timeMs: number;
  readonly key: string | undefined;
  /** Its number within the key; undefined where the producer gave none, or no whole number. */
  readonly sequence: number | undefined;
  readonly priority: Priority;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  readonly expiresAtMs: number | undefined;
  readonly replyTo: string | undefined;
  readonly tenant: string | undefined;
  readonly extensions: Readonly<Record<string, string | number | boolean>>;
  readonly channel: string;
  /** Position in the channel's log of this priority. */
  readonly offset: number;
}

/**
 * Any message, whatever its data. An interface of its own, so that messages are compared with it
 * member by member and not by type argument.
 */
export interface AnyMessage extends Message<string, number, unknown> {
  readonly data: unknown;
}

/** The message type of a contract, of several (a union), or of a channel. */
export type MessageOf<Selection> = Selection extends { readonly messages: infer Messages }
  ? MessageOf<Messages>
  : Selection extends readonly (infer Each)[]
    ? MessageOf<Each>
    : Selection extends Contract<
          "event" | "command",
          infer Type,
          infer Version,
          infer Schema extends StandardSchema
        >
      ? Message<Type, Version, OutputOf<Schema>>
      : never;
