// CloudEvents 1.0 over HTTP in binary mode: attributes as `ce-` headers, data as the body. Values
// are percent-encoded as the HTTP binding says. Knows nothing of servers or clients. Always true:
// header names that differ only in case are one header, and a header given twice is refused.
import { SpillwayError } from "../errors/spillway-error.ts";
import {
  assertAttributeName,
  type AttributeValue,
  fromAttributes,
  invalidAttribute,
  toAttributes,
} from "./cloud-event-attributes.ts";
import { type CloudEventReading, dataBytesDefault, payloadOfBytes } from "./cloud-event-data.ts";
import type { Envelope } from "./envelope.ts";

/** Headers as an HTTP server gives them. */
export type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A message for HTTP: headers in lower case, and a body. */
export interface HttpMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

const prefix = "ce-";
/** Content type of a body that names none (RFC 9110, section 8.3). */
const contentTypeDefault = "application/octet-stream";

/** The event of an envelope, for a request or response in binary mode. */
export function toHttpEvent(envelope: Envelope): HttpMessage {
  const headers: Record<string, string> = {};
  for (const [name, value] of toAttributes(envelope)) {
    if (name === "datacontenttype") headers["content-type"] = String(value);
    else headers[prefix + name] = encodeHeader(String(value));
  }
  return { headers, body: envelope.payload };
}

/** The envelope of a foreign event in binary mode. Throws INPUT_INVALID or MESSAGE_TOO_LARGE. */
export function fromHttpEvent(
  headers: HttpHeaders,
  body: string | Uint8Array,
  reading: CloudEventReading,
): Envelope {
  const attributes = new Map<string, AttributeValue>();
  for (const [header, given] of Object.entries(headers)) {
    const name = attributeOf(header.toLowerCase());
    if (name === undefined || given === undefined) continue;
    const value = typeof given === "string" ? given : given.join(", ");
    if (attributes.has(name) || (typeof given !== "string" && given.length !== 1)) {
      throw invalidAttribute(name, value, "send the header once");
    }
    attributes.set(name, name === "datacontenttype" ? value : decodeHeader(name, value));
  }
  const described = fromAttributes(attributes, reading.receivedAtMs, contentTypeDefault);
  const dataBytesMax = reading.dataBytesMax ?? dataBytesDefault;
  return { ...described, payload: payloadOfBytes(body, described.contentType, dataBytesMax) };
}

/** The attribute that a header carries, or undefined for a header of another kind. */
function attributeOf(header: string): string | undefined {
  if (header === "content-type") return "datacontenttype";
  if (!header.startsWith(prefix)) return undefined;
  const name = header.slice(prefix.length);
  assertAttributeName(name);
  if (name === "datacontenttype" || name === "data") {
    throw new SpillwayError(
      "INPUT_INVALID",
      `CloudEvents header '${header}' is not allowed: use content-type and the body`,
      { details: { attribute: name } },
    );
  }
  return name;
}

/** Everything but printable ASCII; of that, space, double quote and percent sign. */
const encoded = /[^\x21-\x7e]|["%]/gu;

function encodeHeader(value: string): string {
  return value.replace(encoded, (character) => {
    const hex = Buffer.from(character, "utf8").toString("hex").toUpperCase();
    return hex.replace(/../g, "%$&");
  });
}

function decodeHeader(name: string, value: string): string {
  const plain = /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
  return plain.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      throw invalidAttribute(name, value, "percent-encode UTF-8");
    }
  });
}
