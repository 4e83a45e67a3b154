// The data of a CloudEvent on its way between the wire and an envelope's payload: JSON, text or
// bytes, by content type. Foreign data is checked here, so that what is stored can be decoded.
// Always true: data larger than the limit is refused before it is copied.
import { SpillwayError } from "../errors/spillway-error.ts";
import { invalidAttribute } from "./cloud-event-attributes.ts";
import { isJsonContent, isTextContent } from "./envelope.ts";

/** What a reader of foreign events is told. */
export interface CloudEventReading {
  /** Stands in for the `time` of an event that has none, wall ms. */
  readonly receivedAtMs: number;
  /** Most bytes of data in one event. Default 1 MiB. */
  readonly dataBytesMax?: number;
}

/** Most bytes of data in one event, where the reader sets no other limit. */
export const dataBytesDefault = 1_048_576;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The payload for the JSON members `data` and `data_base64`; both undefined: no data. */
export function payloadOfMembers(
  data: unknown,
  data64: unknown,
  contentType: string,
  dataBytesMax: number,
): string | Uint8Array {
  if (data64 !== undefined) {
    if (data !== undefined && data !== null) {
      throw invalidAttribute("data_base64", data64, "give either data or data_base64, not both");
    }
    return payloadOfBytes(readBase64(data64, dataBytesMax), contentType, dataBytesMax);
  }
  if (isJsonContent(contentType)) return checkSize(encodeJson(data), dataBytesMax);
  if (data === undefined || data === null)
    return isTextContent(contentType) ? "" : new Uint8Array();
  if (typeof data !== "string") {
    throw invalidAttribute("data", data, `give text, or data_base64, for ${contentType}`);
  }
  checkSize(data, dataBytesMax);
  return isTextContent(contentType) ? data : Buffer.from(data, "utf8");
}

/** The payload for a body of text or bytes. */
export function payloadOfBytes(
  body: string | Uint8Array,
  contentType: string,
  dataBytesMax: number,
): string | Uint8Array {
  checkSize(body, dataBytesMax);
  if (!isTextContent(contentType)) return typeof body === "string" ? Buffer.from(body) : body;
  const text = typeof body === "string" ? body : decodeText(body, contentType);
  if (!isJsonContent(contentType)) return text;
  if (text === "") return "null";
  try {
    JSON.parse(text);
  } catch (cause) {
    throw badData(`is not valid JSON: ${messageOf(cause)}`, cause);
  }
  return text;
}

/** The JSON members that carry a payload: `data`, or `data_base64` for what JSON cannot hold. */
export function membersOfPayload(
  payload: string | Uint8Array,
  contentType: string,
): { readonly data?: unknown; readonly data_base64?: string } {
  if (payload.length === 0) return {};
  if (isJsonContent(contentType)) {
    try {
      const text = typeof payload === "string" ? payload : strictUtf8.decode(payload);
      return { data: JSON.parse(text) as unknown };
    } catch {
      // Not the JSON that it claims to be: handed on as it is, byte for byte.
      return { data_base64: Buffer.from(payload as string, "utf8").toString("base64") };
    }
  }
  if (typeof payload === "string") return { data: payload };
  return { data_base64: Buffer.from(payload).toString("base64") };
}

function encodeJson(data: unknown): string {
  if (data === undefined) return "null";
  try {
    const text = JSON.stringify(data) as string | undefined;
    if (text !== undefined) return text;
  } catch (cause) {
    throw badData(`has no JSON form: ${messageOf(cause)}`, cause);
  }
  throw badData(`is a ${typeof data}, which has no JSON form`);
}

function readBase64(value: unknown, dataBytesMax: number): Uint8Array {
  // Checked on the text, before any of it is decoded: 4 characters are 3 bytes.
  if (typeof value === "string" && value.length > Math.ceil(dataBytesMax / 3) * 4) {
    throw tooLarge(Math.floor((value.length / 4) * 3), dataBytesMax);
  }
  if (typeof value === "string" && base64.test(value)) return Buffer.from(value, "base64");
  throw invalidAttribute("data_base64", value, "give base64 with padding (RFC 4648, section 4)");
}

function decodeText(bytes: Uint8Array, contentType: string): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw badData(`of ${contentType} is not UTF-8: send UTF-8, or another content type`, cause);
  }
}

function checkSize(payload: string | Uint8Array, dataBytesMax: number): string | Uint8Array {
  const bytes = typeof payload === "string" ? Buffer.byteLength(payload) : payload.byteLength;
  if (bytes > dataBytesMax) throw tooLarge(bytes, dataBytesMax);
  return payload;
}

function tooLarge(bytes: number, bytesMax: number): SpillwayError {
  return new SpillwayError(
    "MESSAGE_TOO_LARGE",
    `the event's data has ${bytes} bytes: send at most ${bytesMax}, or a reference to the content`,
    { details: { bytes, bytesMax } },
  );
}

function badData(fault: string, cause?: unknown): SpillwayError {
  return new SpillwayError("INPUT_INVALID", `the event's data ${fault}`, {
    cause,
    details: { attribute: "data" },
  });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
