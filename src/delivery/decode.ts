// From stored bytes to a message that a handler may see: payload, codec, upcasts, schema. Knows
// nothing of settlement. Always true: data that cannot be understood is an InvalidMessage with its
// reasons and never reaches a handler; only a damaged store makes decode() throw.
import type { ContractIndex, Resolution } from "../contracts/contract-index.ts";
import type { StandardResult } from "../contracts/standard-schema.ts";
import { applyUpcasts } from "../contracts/upcasting.ts";
import { toValidationIssues, validate } from "../contracts/validation.ts";
import type { ErrorCode } from "../errors/error-codes.ts";
import { SpillwayError, ValidationError } from "../errors/spillway-error.ts";
import type { Codec } from "../message/codec.ts";
import { isTextContent, type MessageTemplate } from "../message/envelope.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import { ReceivedMessage } from "./received-message.ts";

/** A stored message that cannot be understood here. */
export class InvalidMessage {
  readonly code: ErrorCode;
  /** Every fault, for people. */
  readonly reason: string;
  readonly error: unknown;

  constructor(code: ErrorCode, reason: string, error: unknown) {
    this.code = code;
    this.reason = reason;
    this.error = error;
  }
}

/** What a stored message is; undefined: a type that the subscription did not ask for. */
export type Decoded = ReceivedMessage | InvalidMessage | undefined;

/** The codes that say something about the data; any other error is not the message's fault. */
const dataFaults: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "CODEC_FAILED",
  "UPCAST_FAILED",
  "VALIDATION_FAILED",
]);

/**
 * Most batches whose data lies here parsed: one of each priority, and one more, because where
 * batches meet, flow control goes from one to the other and back.
 */
export const togetherMax = 4;

/** A batch whose data was parsed in one go. */
interface Together {
  readonly stored: StoredBatch;
  /** Those not yet given out. */
  readonly values: unknown[];
  /** How many those are, at most. */
  left: number;
}

type Understood = Extract<Resolution, { readonly kind: "direct" | "upcast" }>;

/** Decodes the messages of one subscription. */
export class Decoder {
  readonly #index: ContractIndex;
  readonly #codec: Codec;
  readonly #isText: boolean;
  /** The messages of a batch mostly share one template: it is resolved once. */
  #template: MessageTemplate | undefined;
  #resolution: Resolution = { kind: "skip" };
  /** Whether the codec reads the template's content type. */
  #isReadable = false;
  /** The batch that was asked for last, and its values; undefined: each is parsed by itself. */
  #stored: StoredBatch | undefined;
  #values: Together | undefined;
  /** Those that were asked for lately, the last one last. */
  #together: readonly Together[] = [];
  readonly #triedTogether = new WeakSet<StoredBatch>();

  constructor(index: ContractIndex, codec: Codec) {
    this.#index = index;
    this.#codec = codec;
    this.#isText = isTextContent(codec.contentType);
  }

  /**
   * Decodes one record; a promise only where a validator is asynchronous. `wanted`: how many
   * records of the batch will be decoded; where that is most of them, they are parsed in one go.
   */
  decode(stored: StoredBatch, record: number, wanted: number): Decoded | Promise<Decoded> {
    try {
      const template = stored.templateAt(record);
      if (template !== this.#template) this.#resolve(template);
      const resolution = this.#resolution;
      if (resolution.kind === "skip") return undefined;
      if (resolution.kind === "unknown") {
        return new InvalidMessage("UNKNOWN_TYPE", resolution.reason, undefined);
      }
      const data =
        this.#parsedTogether(stored, record, wanted) ?? this.#parse(stored, record, template);
      const result =
        resolution.kind === "direct"
          ? validate(resolution.contract.schema, data)
          : upcast(resolution, data);
      if (!(result instanceof Promise)) return messageOf(resolution, result, stored, record);
      return result.then((value) => messageOf(resolution, value, stored, record), invalidOf);
    } catch (error) {
      return invalidOf(error);
    }
  }

  /** Whether the handler is not meant to see this record at all. */
  skips(stored: StoredBatch, record: number): boolean {
    const template = stored.templateAt(record);
    if (template !== this.#template) this.#resolve(template);
    return this.#resolution.kind === "skip";
  }

  #resolve(template: MessageTemplate): void {
    this.#template = template;
    this.#resolution = this.#index.resolve(template.type, template.version);
    const { contentType } = this.#codec;
    const isJson = contentType === "application/json";
    this.#isReadable =
      template.contentType === contentType || (isJson && template.contentType.endsWith("+json"));
  }

  /** The record's value out of the batch parsed as a whole; undefined: parse it by itself. */
  #parsedTogether(stored: StoredBatch, record: number, wanted: number): unknown {
    if (stored !== this.#stored) {
      this.#stored = stored;
      this.#values = this.#isReadable ? this.#valuesOf(stored, wanted) : undefined;
    }
    const together = this.#values;
    if (together === undefined) return undefined;
    const value = together.values[record];
    // Given out once: a repeated call gets data of its own.
    together.values[record] = undefined;
    if (value !== undefined && --together.left === 0) this.#letGo(together);
    return value;
  }

  #letGo(together: Together): void {
    this.#values = undefined;
    this.#together = this.#together.filter((each) => each !== together);
  }

  #valuesOf(stored: StoredBatch, wanted: number): Together | undefined {
    const known = this.#together.find((each) => each.stored === stored);
    const values = known === undefined ? this.#parseAll(stored, wanted) : known.values;
    if (values === undefined) return undefined;
    const last = known ?? { stored, values, left: wanted };
    const others = this.#together.filter((each) => each !== known);
    this.#together = [...others.slice(1 - togetherMax), last];
    return last;
  }

  #parseAll(stored: StoredBatch, wanted: number): unknown[] | undefined {
    const codec = this.#codec;
    if (codec.decodeArray === undefined) return undefined;
    if (wanted * 2 < stored.count || wanted < 2) return undefined;
    if (this.#triedTogether.has(stored)) return undefined;
    this.#triedTogether.add(stored);
    const text = stored.payloadArrayText;
    if (text === undefined) return undefined;
    try {
      const values = codec.decodeArray(text);
      return Array.isArray(values) && values.length === stored.count ? values : undefined;
    } catch {
      // Some record is no JSON: each is parsed by itself, so that only that one is invalid.
      return undefined;
    }
  }

  #parse(stored: StoredBatch, record: number, template: MessageTemplate): unknown {
    const { contentType } = this.#codec;
    if (!this.#isReadable) {
      const text = `its content type is '${template.contentType}', the codec reads ${contentType}`;
      throw new SpillwayError("CODEC_FAILED", text);
    }
    const payload = this.#isText ? stored.payloadTextAt(record) : stored.payloadBytesAt(record);
    try {
      return this.#codec.decode(payload);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SpillwayError("CODEC_FAILED", `its data is not ${contentType}: ${reason}`, {
        cause,
      });
    }
  }
}

function upcast(
  { steps, contract }: Extract<Understood, { readonly kind: "upcast" }>,
  data: unknown,
): StandardResult<unknown> | Promise<StandardResult<unknown>> {
  const result = applyUpcasts(steps, data);
  if (result instanceof Promise) {
    return result.then((settled) =>
      settled.issues === undefined ? validate(contract.schema, settled.value) : settled,
    );
  }
  return result.issues === undefined ? validate(contract.schema, result.value) : result;
}

function messageOf(
  { contract }: Understood,
  result: StandardResult<unknown>,
  stored: StoredBatch,
  record: number,
): ReceivedMessage | InvalidMessage {
  const { type, version } = contract;
  if (result.issues === undefined) {
    return new ReceivedMessage(type, version, result.value, stored, record);
  }
  const subject = `stored data of '${type}' version ${version}`;
  return invalidOf(new ValidationError(subject, toValidationIssues(result.issues)));
}

function invalidOf(error: unknown): InvalidMessage {
  if (error instanceof SpillwayError && dataFaults.has(error.code)) {
    return new InvalidMessage(error.code, error.message, error);
  }
  throw error;
}
