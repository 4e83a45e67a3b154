// CloudEvents 1.0 in JSON: one event (structured mode) or a list of them (batch mode), to and from
// envelopes. HTTP headers are in cloud-events-http.ts; both use the one mapping of attributes.
// Always true: an envelope written and read again says the same.
import { SpillwayError } from "../errors/spillway-error.ts";
import {
  assertAttributeName,
  type AttributeValue,
  fromAttributes,
  invalidAttribute,
  toAttributes,
} from "./cloud-event-attributes.ts";
import {
  type CloudEventReading,
  dataBytesDefault,
  membersOfPayload,
  payloadOfMembers,
} from "./cloud-event-data.ts";
import type { Envelope } from "./envelope.ts";

/** Content type of one event in JSON. */
export const cloudEventContentType = "application/cloudevents+json";
/** Content type of a list of events in JSON. */
export const cloudEventBatchContentType = "application/cloudevents-batch+json";
/** Most events in one list. */
export const batchEventsMax = 10_000;
/** Most characters of one list. */
export const batchCharactersMax = 67_108_864;
/** Room that the attributes of an event may take beside its data, in characters. */
const attributesRoom = 131_072;

/** One CloudEvent as a JSON object. */
export interface CloudEvent {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly data?: unknown;
  readonly data_base64?: string;
  readonly [attribute: string]: unknown;
}

/** The event of an envelope, as an object for JSON.stringify. */
export function toCloudEvent(envelope: Envelope): CloudEvent {
  return {
    ...Object.fromEntries(toAttributes(envelope)),
    ...membersOfPayload(envelope.payload, envelope.contentType),
  } as CloudEvent;
}

/** The envelope of a foreign event that was parsed from JSON. Throws INPUT_INVALID. */
export function fromCloudEvent(event: unknown, reading: CloudEventReading): Envelope {
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    const what = Array.isArray(event) ? "a list" : event === null ? "null" : `a ${typeof event}`;
    throw new SpillwayError("INPUT_INVALID", `a CloudEvent is an object, and this is ${what}`);
  }
  const attributes = new Map<string, AttributeValue>();
  let data: unknown;
  let data64: unknown;
  for (const [name, value] of Object.entries(event as Readonly<Record<string, unknown>>)) {
    if (name === "data") data = value;
    else if (name === "data_base64") data64 = value ?? undefined;
    else if (value !== null && value !== undefined) attributes.set(name, readMember(name, value));
  }
  const described = fromAttributes(attributes, reading.receivedAtMs, "application/json");
  const dataBytesMax = reading.dataBytesMax ?? dataBytesDefault;
  const payload = payloadOfMembers(data, data64, described.contentType, dataBytesMax);
  return { ...described, payload };
}

/** Reads one event in JSON text. Throws INPUT_INVALID or MESSAGE_TOO_LARGE. */
export function parseCloudEvent(text: string, reading: CloudEventReading): Envelope {
  // Base64 and escapes make the text longer than the data: twice as long is still looked at.
  const charactersMax = (reading.dataBytesMax ?? dataBytesDefault) * 2 + attributesRoom;
  return fromCloudEvent(parseJson(text, charactersMax), reading);
}

/** Reads a JSON list of events; one fault refuses the list, and names the event's place in it. */
export function parseCloudEventBatch(text: string, reading: CloudEventReading): Envelope[] {
  const events = parseJson(text, batchCharactersMax);
  if (!Array.isArray(events) || events.length > batchEventsMax) {
    const what = Array.isArray(events) ? `${events.length} events long` : "no list";
    throw new SpillwayError(
      "INPUT_INVALID",
      `a CloudEvents batch is a list of at most ${batchEventsMax} events, and this is ${what}`,
    );
  }
  return events.map((event: unknown, index) => {
    try {
      return fromCloudEvent(event, reading);
    } catch (error) {
      if (!(error instanceof SpillwayError)) throw error;
      throw new SpillwayError(error.code, `event ${index} of the batch: ${error.message}`, {
        cause: error,
        details: { ...error.details, index },
      });
    }
  });
}

function readMember(name: string, value: unknown): AttributeValue {
  assertAttributeName(name);
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  throw invalidAttribute(name, value, "give text, a whole number or a boolean");
}

function parseJson(text: string, charactersMax: number): unknown {
  if (text.length > charactersMax) {
    throw new SpillwayError(
      "MESSAGE_TOO_LARGE",
      `the text has ${text.length} characters: send at most ${charactersMax} at once`,
      { details: { characters: text.length, charactersMax } },
    );
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SpillwayError("INPUT_INVALID", `this is not JSON: ${reason}`, { cause });
  }
}
