// What handlers and consume middleware are written against: the context of one delivery, its state
// tables, and the shape of a middleware. Types only; handler-run.ts implements them.
import type { AnyContract, Message, MessageOptions } from "../contracts/contract.ts";
import type {
  DeepReadonly,
  InputOf,
  OutputOf,
  StandardSchema,
} from "../contracts/standard-schema.ts";
import type { SequenceStanding } from "./sequences/key-position.ts";

/** The state tables a subscription declares: name → schema of the values. */
export type StateSchemas = Readonly<Record<string, StandardSchema>>;

/**
 * One table of state as a handler sees it. Reads give what handlers before this one wrote, also
 * where it is not durable yet; writes become durable together with the acknowledgement.
 */
export interface StateTable<Schema extends StandardSchema = StandardSchema> {
  /** The value of a key, or undefined. */
  get(key: string): Promise<DeepReadonly<OutputOf<Schema>> | undefined>;
  /** Replaces the value of a key; rejects with ValidationError where it does not fit. */
  set(key: string, value: InputOf<Schema>): Promise<void>;
  /** Removes a key; does nothing where it is absent. */
  delete(key: string): Promise<void>;
}

/** The tables of a subscription by name. */
export type StateTables<Schemas extends StateSchemas> = {
  readonly [Table in keyof Schemas & string]: StateTable<Schemas[Table]>;
};

/** Facts beside the text of a log entry. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * What a handler says, for people. Each call publishes one object on the diagnostics channel
 * `spillway:log` (`node:diagnostics_channel`): level, text and fields, with type, id, channel,
 * group, attempt and correlation id of the delivery. It is printed nowhere by itself and costs
 * nothing while nobody subscribes to that channel.
 */
export interface HandlerLog {
  debug(text: string, fields?: LogFields): void;
  info(text: string, fields?: LogFields): void;
  warn(text: string, fields?: LogFields): void;
  error(text: string, fields?: LogFields): void;
}

/** What a handler gets besides the message; every member is made when it is first used. */
export interface HandlerContext<Schemas extends StateSchemas = StateSchemas> {
  /** The message being handled. */
  readonly message: Message<string, number, unknown>;
  /** 1 for the first delivery of this message, 2 after one failure … */
  readonly attempt: number;
  /** Fires when the handler's time is up, its keys were lost, or the subscription is closed. */
  readonly signal: AbortSignal;
  /** The same text for every delivery of this message to this group; for effects outside. */
  readonly idempotencyKey: string;
  /** The trace this delivery belongs to: a span of its own within the message's trace. */
  readonly trace: { readonly traceparent: string | undefined };
  /** Log entries bound to this delivery, for whoever subscribes to `spillway:log`. */
  readonly log: HandlerLog;
  /**
   * What the message's number says of those before it in the sequence of its key; undefined where
   * it has none, or the subscription has no `sequence`.
   */
  readonly sequence: SequenceStanding | undefined;
  /** The subscription's state tables; only with `delivery: "effectively-once"`. */
  readonly state: StateTables<Schemas>;
  /**
   * Adds a message to this delivery's commit unit: it is published if and when this message is
   * settled. Throws what bus.publish would reject with, except for what only storing can tell.
   */
  publish<Contract extends AnyContract>(
    contract: Contract,
    data: InputOf<Contract["schema"]>,
    options?: MessageOptions,
  ): Promise<void>;
}

/** A handler: returns nothing, a message, or a list of messages, or a promise of these. */
export type Handler = (
  message: Message<string, number, unknown>,
  context: HandlerContext,
) => unknown;

/**
 * Runs around a handler. It must call `next` once and wait for it; the promise that `next` gives
 * resolves to what the handler returned. It cannot settle: what it returns is ignored, a handler's
 * error stays one even where it is caught here, and an error thrown here counts as the handler's.
 */
export type ConsumeMiddleware = (
  message: Message<string, number, unknown>,
  context: HandlerContext,
  next: () => Promise<unknown>,
) => unknown;
