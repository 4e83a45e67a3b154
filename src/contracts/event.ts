// Events: facts, in the past tense, that any number of groups may read.
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type {
  AnyContract,
  Classification,
  Contract,
  MessageOptions,
  OutgoingMessage,
  Upcast,
} from "./contract.ts";
import { assertName } from "./names.ts";
import { assertUpcasts } from "./upcasting.ts";
import {
  type InputOf,
  isStandardSchema,
  type OutputOf,
  type StandardSchema,
} from "./standard-schema.ts";

/** The contract of an event. */
export type EventContract<
  Type extends string,
  Version extends number,
  Schema extends StandardSchema,
> = Contract<"event", Type, Version, Schema>;

/** What defineEvent() takes. */
export interface EventOptions<Version extends number, Schema extends StandardSchema> {
  /** Default 1. Versions of one name live side by side. */
  readonly version?: Version;
  /** Any Standard Schema validator; its input is what goes over the wire. */
  readonly data: Schema;
  /** What orders messages: those with the same key are delivered in order. */
  readonly key?: (data: OutputOf<Schema>) => string;
  /**
   * The producer's number of a message within its key, one more than the one before: a version, a
   * line of a file, a counter. Consumers find gaps by it, and put into order what came out of it;
   * see `sequence` of bus.subscribe(). Needs `key`.
   */
  readonly sequence?: (data: OutputOf<Schema>) => number;
  /** The team that answers for this contract. */
  readonly owner?: string;
  /** Default "internal". */
  readonly classification?: Classification;
  /** How older versions become this one; see upcastFrom(). */
  readonly upcasts?: readonly Upcast<InputOf<Schema>>[];
}

/** The options of every event; commands have them, too. */
export const eventOptions = {
  version: true,
  data: true,
  key: true,
  sequence: true,
  owner: true,
  classification: true,
  upcasts: true,
} as const satisfies Record<keyof EventOptions<number, StandardSchema>, true>;

const known = optionNames<EventOptions<number, StandardSchema>>(eventOptions);

/**
 * Defines an event. Pure: nothing is created until a bus uses it.
 * Throws INVALID_NAME or INVALID_ARGUMENT.
 *
 * @example
 * import { defineEvent } from "spillway";
 * import { z } from "zod";
 * const OrderPlaced = defineEvent("com.acme.order.placed", {
 *   data: z.object({ orderId: z.string(), cents: z.int() }),
 *   key: (order) => order.orderId,
 *   owner: "orders",
 * });
 * const message = OrderPlaced.message({ orderId: "7", cents: 990 });
 * console.log(message.contract.type); // com.acme.order.placed
 */
export function defineEvent<
  const Type extends string,
  Schema extends StandardSchema,
  const Version extends number = 1,
>(type: Type, options: EventOptions<Version, Schema>): EventContract<Type, Version, Schema> {
  const contract = contractOf("event", type, options);
  assertKnownOptions(options, known, "event", type);
  return contract;
}

/** Builds a contract; shared by events and commands. */
export function contractOf<
  Kind extends "event" | "command",
  Type extends string,
  Version extends number,
  Schema extends StandardSchema,
>(
  kind: Kind,
  type: Type,
  options: EventOptions<Version, Schema>,
): Contract<Kind, Type, Version, Schema> {
  assertName(kind, type);
  return uncheckedContractOf(kind, type, options);
}

/** The same for a type that follows from another contract's, and so from no grammar of its own. */
export function uncheckedContractOf<
  Kind extends "event" | "command",
  Type extends string,
  Version extends number,
  Schema extends StandardSchema,
>(
  kind: Kind,
  type: Type,
  options: EventOptions<Version, Schema>,
): Contract<Kind, Type, Version, Schema> {
  if (!isStandardSchema(options?.data)) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `${kind} '${type}': data is not a Standard Schema validator: give { data: schema }, with a ` +
        "schema of zod, valibot, arktype or another that implements it",
    );
  }
  const version = options.version ?? (1 as Version);
  if (!Number.isInteger(version) || version < 1 || version > 65_535) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `${kind} '${type}': version is ${version}: give a whole number from 1 to 65535`,
    );
  }
  const { key, sequence, classification = "internal" } = options;
  if (key !== undefined && typeof key !== "function") {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `${kind} '${type}': key is not a function: give one that takes the data and returns text`,
    );
  }
  assertSequence(`${kind} '${type}'`, options);
  if (!classifications.includes(classification)) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `${kind} '${type}': classification is '${classification}': ` +
        `give ${classifications.join(" or ")}`,
    );
  }
  const contract: Contract<Kind, Type, Version, Schema> = {
    kind,
    type,
    version,
    schema: options.data,
    owner: options.owner,
    classification,
    upcasts: Object.freeze([...(options.upcasts ?? [])]),
    hasKey: key !== undefined,
    keyOf: (data) => key?.(data),
    hasSequence: sequence !== undefined,
    sequenceOf: (data) => sequence?.(data),
    message: (data, messageOptions) => outgoing(contract, data, messageOptions),
  };
  assertUpcasts(contract);
  return Object.freeze(contract);
}

function assertSequence<Version extends number, Schema extends StandardSchema>(
  subject: string,
  { key, sequence }: EventOptions<Version, Schema>,
): void {
  if (sequence === undefined || (typeof sequence === "function" && key !== undefined)) return;
  const fault = typeof sequence === "function" ? "needs a key" : "is not a function";
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `${subject}: sequence ${fault}: give one that takes the data and returns the number of a ` +
      "message within its key, and a key",
  );
}

const classifications: readonly Classification[] = [
  "public",
  "internal",
  "confidential",
  "personal",
];

class ContractMessage<Of extends AnyContract> implements OutgoingMessage<Of> {
  readonly contract: Of;
  readonly data: unknown;
  readonly options: MessageOptions | undefined;

  constructor(contract: Of, data: unknown, options: MessageOptions | undefined) {
    this.contract = contract;
    this.data = data;
    this.options = options;
  }
}

/** A message of a contract; shared by events and commands. */
export function outgoing<Of extends AnyContract>(
  contract: Of,
  data: unknown,
  options: MessageOptions | undefined,
): OutgoingMessage<Of> {
  return new ContractMessage(contract, data, options);
}

/** Whether a value is a message made by a contract (and not a look-alike). */
export function isOutgoingMessage(value: unknown): value is OutgoingMessage {
  return value instanceof ContractMessage;
}
