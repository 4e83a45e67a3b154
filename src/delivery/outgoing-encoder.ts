// From data to what a transport stores: validates, encodes, measures and addresses one message.
// Used by bus.publish and by commit units. Knows nothing of batches. Always true: what is stored is
// the schema's input, the wire form; the key is taken from its output.
import type { AnyContract, MessageOptions } from "../contracts/contract.ts";
import type { StandardResult } from "../contracts/standard-schema.ts";
import { toValidationIssues, validate } from "../contracts/validation.ts";
import { SpillwayError, ValidationError } from "../errors/spillway-error.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import type { Codec } from "../message/codec.ts";
import {
  type MessageAttributes,
  type MessageTemplate,
  priorities,
  type Priority,
} from "../message/envelope.ts";
import { sequenceText } from "../message/sequence.ts";
import { continueTraceparent } from "../telemetry/trace-context.ts";
import {
  assertKey,
  assertMessageOptions,
  assertSequence,
  attributesOf,
} from "./message-options.ts";

/** Where the messages of a contract go. */
export interface Route {
  readonly channel: string;
  /** The channel's priority of a keyed message. */
  readonly priorityOf: ((key: string) => Priority) | undefined;
  /** Whether what goes there may be dropped where the channel does not exist. */
  readonly isOptional?: boolean;
}

/** What a message passes on to those that its handling causes. */
export interface MessageCause {
  readonly id: string;
  readonly correlationId: string;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  readonly tenant: string | undefined;
}

/** One message, ready to be added to an OutgoingBatch of its channel and priority. */
export interface EncodedMessage {
  readonly channel: string;
  readonly priority: Priority;
  readonly template: MessageTemplate;
  readonly payload: string | Uint8Array;
  readonly wallMs: number;
  readonly key: string | undefined;
  readonly attributes: MessageAttributes | undefined;
  /** The id that was given; undefined: one is made. */
  readonly id: string | undefined;
  /** When it becomes visible, wall ms; undefined: at once. */
  readonly dueAtMs: number | undefined;
  /** See OutgoingBatch. */
  readonly isOptional?: boolean;
}

/** What an encoder is made of. */
export interface OutgoingEncoderOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** CloudEvents `source` of everything encoded here. */
  readonly source: string;
  readonly codec: Codec;
  /** Largest encoded data, in bytes. */
  readonly messageBytesMax: number;
  /** Where a contract's messages go; asked for every message, throws for unknown contracts. */
  routeOf(contract: AnyContract): Route;
}

/** Turns data into EncodedMessages. */
export class OutgoingEncoder {
  readonly #options: OutgoingEncoderOptions;
  readonly #templates = new WeakMap<AnyContract, MessageTemplate>();

  constructor(options: OutgoingEncoderOptions) {
    this.#options = options;
  }

  /**
   * Encodes one message; a promise only where the contract's validator is asynchronous. `route`
   * says where it goes, instead of the contract.
   * Throws (or rejects with) ValidationError, INVALID_ARGUMENT, INVALID_NAME,
   * PRIORITY_BREAKS_ORDER, CODEC_FAILED, MESSAGE_TOO_LARGE and what routeOf() throws.
   */
  encode(
    contract: AnyContract,
    data: unknown,
    options: MessageOptions | undefined,
    cause: MessageCause | undefined,
    route?: Route,
  ): EncodedMessage | Promise<EncodedMessage> {
    if (options !== undefined) assertMessageOptions(contract, options);
    const result = validate(contract.schema, data);
    if (result instanceof Promise) {
      return result.then((settled) => this.#encode(contract, data, options, cause, settled, route));
    }
    return this.#encode(contract, data, options, cause, result, route);
  }

  #encode(
    contract: AnyContract,
    data: unknown,
    options: MessageOptions | undefined,
    cause: MessageCause | undefined,
    result: StandardResult<unknown>,
    given: Route | undefined,
  ): EncodedMessage {
    if (result.issues !== undefined) {
      throw new ValidationError(
        `data of '${contract.type}' version ${contract.version}`,
        toValidationIssues(result.issues),
        { details: { type: contract.type, version: contract.version } },
      );
    }
    const route = given ?? this.#options.routeOf(contract);
    const payload = this.#payloadOf(contract, data);
    const key = options?.key ?? keyOf(contract, result.value);
    const sequence = options?.sequence ?? sequenceOf(contract, result.value);
    if (sequence !== undefined && key === undefined)
      throw sequenceWithoutKey(contract.type, sequence);
    const wallMs = this.#options.clock.wallMs();
    const hasAttributes = options !== undefined || cause !== undefined || sequence !== undefined;
    const dueAtMs = options?.deliverAtMs ?? wallMs + (options?.delayMs ?? 0);
    return {
      channel: route.channel,
      priority: priorityOf(contract, route, key, options?.priority),
      template: this.#templates.get(contract) ?? this.#makeTemplate(contract),
      payload,
      wallMs,
      key,
      attributes: hasAttributes ? this.#attributesOf(options, cause, sequence, wallMs) : undefined,
      id: options?.id,
      dueAtMs: dueAtMs > wallMs ? dueAtMs : undefined,
      isOptional: route.isOptional === true,
    };
  }

  #makeTemplate(contract: AnyContract): MessageTemplate {
    const { source, codec } = this.#options;
    const { type, version } = contract;
    const template = Object.freeze({ type, version, source, contentType: codec.contentType });
    this.#templates.set(contract, template);
    return template;
  }

  #payloadOf(contract: AnyContract, data: unknown): string | Uint8Array {
    const { codec, messageBytesMax } = this.#options;
    let payload: string | Uint8Array;
    try {
      payload = codec.encode(data);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SpillwayError(
        "CODEC_FAILED",
        `data of '${contract.type}' cannot be encoded as ${codec.contentType}: ${reason}`,
        { cause: error, details: { type: contract.type } },
      );
    }
    // One unit of a string's length takes one to three bytes: count only where it can matter.
    const { length } = payload;
    if (length * 3 <= messageBytesMax) return payload;
    const isText = typeof payload === "string";
    const bytes = isText && length <= messageBytesMax ? Buffer.byteLength(payload) : length;
    if (bytes > messageBytesMax) throw tooLarge(contract.type, bytes, messageBytesMax);
    return payload;
  }

  /** Undefined where the message has none, so that it costs nothing when stored. */
  #attributesOf(
    options: MessageOptions | undefined,
    cause: MessageCause | undefined,
    sequence: number | undefined,
    wallMs: number,
  ): MessageAttributes | undefined {
    const given = options === undefined ? {} : attributesOf(options, wallMs);
    const own = sequence === undefined ? given : { ...given, sequence: sequenceText(sequence) };
    const all = cause === undefined ? own : { ...this.#inherited(cause), ...own };
    for (const _ in all) return all;
    return undefined;
  }

  #inherited(cause: MessageCause): MessageAttributes {
    const { id, correlationId, tracestate, tenant } = cause;
    const traceparent = continueTraceparent(cause.traceparent, this.#options.random);
    return {
      correlationId,
      causationId: id,
      ...(traceparent !== undefined && { traceparent }),
      ...(traceparent !== undefined && tracestate !== undefined && { tracestate }),
      ...(tenant !== undefined && { tenant }),
    };
  }
}

function keyOf(contract: AnyContract, value: unknown): string | undefined {
  if (!contract.hasKey) return undefined;
  const key: unknown = asked(contract, "key", () => contract.keyOf(value));
  assertKey(contract.type, key);
  return key;
}

function sequenceOf(contract: AnyContract, value: unknown): number | undefined {
  if (!contract.hasSequence) return undefined;
  const sequence: unknown = asked(contract, "sequence", () => contract.sequenceOf(value));
  assertSequence(contract.type, sequence);
  return sequence;
}

/** What a function of the contract says. */
function asked(contract: AnyContract, option: string, ask: () => unknown): unknown {
  try {
    return ask();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `message '${contract.type}': the contract's ${option} function threw: ${reason}`,
      { cause: error, details: { type: contract.type, option } },
    );
  }
}

function sequenceWithoutKey(type: string, sequence: number): SpillwayError {
  return new SpillwayError(
    "INVALID_ARGUMENT",
    `message '${type}': sequence is ${sequence} and it has no key: numbers count within a key, ` +
      "so give one, or leave the number out",
    { details: { type, option: "sequence" } },
  );
}

function priorityOf(
  contract: AnyContract,
  route: Route,
  key: string | undefined,
  given: Priority | undefined,
): Priority {
  if (key === undefined) return given ?? "normal";
  if (given !== undefined) {
    throw new SpillwayError(
      "PRIORITY_BREAKS_ORDER",
      `message '${contract.type}' with key ${JSON.stringify(key)} has priority '${given}' of its ` +
        `own and could overtake its key: give channel '${route.channel}' a priorityOf(key) instead`,
      { details: { type: contract.type, channel: route.channel, priority: given } },
    );
  }
  if (route.priorityOf === undefined) return "normal";
  const priority = route.priorityOf(key);
  if (priorities.includes(priority)) return priority;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `channel '${route.channel}': priorityOf(${JSON.stringify(key)}) is '${priority}': ` +
      `return ${priorities.join(" or ")}`,
    { details: { channel: route.channel } },
  );
}

function tooLarge(type: string, bytes: number, bytesMax: number): SpillwayError {
  return new SpillwayError(
    "MESSAGE_TOO_LARGE",
    `message '${type}' takes at least ${bytes} bytes, messageBytesMax is ${bytesMax}: send a ` +
      "reference to the content, or raise messageBytesMax",
    { details: { type, bytes, bytesMax } },
  );
}
