// The envelope: what is known about a message besides its data. Attribute names follow CloudEvents
// 1.0 in camelCase; cloud-events.ts maps them to the specification's lower case. Owns no bytes.

/** Delivery priority: each has a log of its own, so a high one never waits behind a low one. */
export type Priority = "high" | "normal" | "low";

/** All priorities, most urgent first; the index is the lane number in the journal. */
export const priorities = ["high", "normal", "low"] as const satisfies readonly Priority[];

/** What all messages of one contract and one source share: one entry of a batch's dictionary. */
export interface MessageTemplate {
  /** CloudEvents `type`: the contract's name. */
  readonly type: string;
  /** The contract's version; on the wire it is part of `dataschema`. */
  readonly version: number;
  /** CloudEvents `source`: who published. */
  readonly source: string;
  /** CloudEvents `datacontenttype`. */
  readonly contentType: string;
  /** CloudEvents `dataschema`, where it is not the one derived from type and version. */
  readonly dataSchema?: string;
}

/** Attributes that a message may carry; most messages carry few of them. */
export interface MessageAttributes {
  /** The id as given, where it is not a canonical UUID (the 16 id bytes are then its hash). */
  readonly id?: string;
  /** CloudEvents `subject`. */
  readonly subject?: string;
  /** CloudEvents `time` as given, where it is not the publishing time in whole milliseconds. */
  readonly time?: string;
  /** The conversation this message belongs to; where absent, the message's own id. */
  readonly correlationId?: string;
  /** The id of the message whose handling caused this one. */
  readonly causationId?: string;
  /** W3C Trace Context. */
  readonly traceparent?: string;
  /** W3C Trace Context. */
  readonly tracestate?: string;
  /** Wall time in milliseconds after which nobody needs the message any more. */
  readonly expiresAtMs?: number;
  /** Where a reply goes: a channel name. */
  readonly replyTo?: string;
  /** The tenant it belongs to; part of the deduplication and state key. */
  readonly tenant?: string;
  /** Position within a sequence of the producer's own. */
  readonly sequence?: string;
  /** Further CloudEvents extension attributes, by lower-case name. */
  readonly extensions?: Readonly<Record<string, string | number | boolean>>;
}

/** Attributes that are texts as they are read. */
export type TextAttribute =
  | "id"
  | "subject"
  | "correlationId"
  | "causationId"
  | "traceparent"
  | "tracestate"
  | "replyTo"
  | "tenant";

/** One message with its encoded data, as plain data. */
export interface Envelope extends MessageTemplate {
  readonly id: string;
  /** Wall time of publishing, in milliseconds. */
  readonly timeMs: number;
  readonly key: string | undefined;
  readonly priority: Priority;
  readonly attributes: MessageAttributes;
  /** The encoded data: text where the codec writes text (JSON), else bytes. */
  readonly payload: string | Uint8Array;
}

/** No attributes at all; shared, so that most messages cost nothing here. */
export const noAttributes: MessageAttributes = Object.freeze({});

/** Several messages of one channel and priority, column by column; index 0 … count − 1. */
export interface MessageColumns {
  readonly channel: string;
  readonly priority: Priority;
  readonly count: number;
  templateAt(index: number): MessageTemplate;
  /** The id as text; made when asked. */
  idAt(index: number): string;
  /** Whether the id was given by the caller (else it was made here). */
  idGivenAt(index: number): boolean;
  /** The producer's time, wall milliseconds. */
  timeAt(index: number): number;
  keyAt(index: number): string | undefined;
  /** The 16-bit key slot: of the key, or of the id's 16 bytes where there is no key. */
  slotAt(index: number): number;
  attributesAt(index: number): MessageAttributes;
  /** The encoded data as text (UTF-8 decoded where it is stored as bytes). */
  payloadTextAt(index: number): string;
  payloadBytesAt(index: number): Uint8Array;
  /** Size of the encoded data in bytes. */
  payloadSizeAt(index: number): number;
}

/** The message at `index` as plain data. */
export function envelopeAt(columns: MessageColumns, index: number): Envelope {
  const template = columns.templateAt(index);
  const text = isTextContent(template.contentType);
  return {
    ...template,
    id: columns.idAt(index),
    timeMs: columns.timeAt(index),
    key: columns.keyAt(index),
    priority: columns.priority,
    attributes: columns.attributesAt(index),
    payload: text ? columns.payloadTextAt(index) : columns.payloadBytesAt(index),
  };
}

/** Whether data of this content type is kept as text (JSON and text/…) rather than bytes. */
export function isTextContent(contentType: string): boolean {
  return isJsonContent(contentType) || mediaTypeOf(contentType).startsWith("text/");
}

/** Whether data of this content type is JSON. */
export function isJsonContent(contentType: string): boolean {
  if (contentType === "application/json") return true;
  const mediaType = mediaTypeOf(contentType);
  return mediaType.endsWith("/json") || mediaType.endsWith("+json");
}

/** The media type alone: without parameters such as a charset, in lower case. */
function mediaTypeOf(contentType: string): string {
  const end = contentType.indexOf(";");
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}
