// From the text of one record to a message that can be stored: a CloudEvent as it stands, or
// plain data with what the flags say about it. It checks what a bus would check without knowing
// contracts. Always true: what does not fit is an error that says what is wrong; nothing is
// changed in silence.
import { SpillwayError } from "../../errors/spillway-error.ts";
import { fromCloudEvent } from "../../message/cloud-events.ts";
import {
  type Envelope,
  type MessageAttributes,
  type MessageTemplate,
  noAttributes,
  type Priority,
} from "../../message/envelope.ts";

/** A message to be stored; without an id it gets one. */
export interface PublishableMessage {
  readonly template: MessageTemplate;
  readonly payload: string | Uint8Array;
  readonly timeMs: number;
  readonly key: string | undefined;
  readonly attributes: MessageAttributes | undefined;
  readonly id: string | undefined;
  readonly priority: Priority;
}

/** What the flags say about records that are plain data. */
export interface PlainDataOptions {
  readonly type: string;
  readonly source: string;
  /** Names of nested fields are joined with dots. */
  readonly keyField: string | undefined;
  readonly idField: string | undefined;
}

/** Turns a record's text into a message. Throws SpillwayError. */
export type RecordReader = (text: string, nowMs: number) => PublishableMessage;

/** Largest data of one message, as of a bus that sets nothing else. */
export const messageBytesMax = 1_048_576;
/** Longest key or id, in characters. */
const nameCharactersMax = 1_024;

/** Reads records that are CloudEvents in JSON, attributes and all. */
export const readCloudEventRecord: RecordReader = (text, nowMs) => {
  const event = parseJson(text);
  const isEvent = typeof event === "object" && event !== null && "specversion" in event;
  if (!isEvent) {
    throw new SpillwayError(
      "INPUT_INVALID",
      "this is not a CloudEvent, because it has no specversion: give --type to store plain data",
    );
  }
  const envelope = fromCloudEvent(event, {
    receivedAtMs: nowMs,
    dataBytesMax: messageBytesMax,
  });
  return { ...envelope, template: templateOf(envelope) };
};

/** Reads records that are data alone; the data is stored exactly as it is written. */
export function plainDataReader(options: PlainDataOptions): RecordReader {
  const template: MessageTemplate = {
    type: options.type,
    version: 1,
    source: options.source,
    contentType: "application/json",
  };
  return (text, nowMs) => {
    const data = parseJson(text);
    const bytes = Buffer.byteLength(text);
    if (bytes > messageBytesMax) {
      throw new SpillwayError(
        "MESSAGE_TOO_LARGE",
        `the data has ${bytes} bytes, and at most ${messageBytesMax} are stored`,
      );
    }
    return {
      template,
      payload: text,
      timeMs: nowMs,
      key: fieldOf(data, "--key-field", options.keyField),
      attributes: noAttributes,
      id: fieldOf(data, "--id-field", options.idField),
      priority: "normal",
    };
  };
}

function templateOf(envelope: Envelope): MessageTemplate {
  const { type, version, source, contentType, dataSchema } = envelope;
  return { type, version, source, contentType, ...(dataSchema !== undefined && { dataSchema }) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SpillwayError("INPUT_INVALID", `this is not JSON: ${reason}`, { cause });
  }
}

function fieldOf(data: unknown, flag: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  let value = data;
  for (const name of path.split(".")) {
    const isHolder = typeof value === "object" && value !== null && Object.hasOwn(value, name);
    value = isHolder ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
  }
  const usable = typeof value === "string" ? value !== "" : Number.isSafeInteger(value);
  if (!usable || String(value).length > nameCharactersMax) {
    const found = value === undefined ? "is missing" : `is ${JSON.stringify(value).slice(0, 80)}`;
    const remedy = `give text of 1 to ${nameCharactersMax} characters or a whole number`;
    throw new SpillwayError("INPUT_INVALID", `the ${flag} '${path}' ${found}: ${remedy}`);
  }
  return String(value);
}
