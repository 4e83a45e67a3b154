// The codec port: how the data of a message becomes text or bytes and back. Knows nothing of
// schemas or transports. JSON is the first; others implement the same interface.

/** Turns data into its encoded form and back; the content type names it in every message. */
export interface Codec {
  /** CloudEvents `datacontenttype` of what encode() gives. */
  readonly contentType: string;
  /** Encodes; throws when the data cannot be represented. Must not keep or change the data. */
  encode(data: unknown): string | Uint8Array;
  /** Decodes what encode() gave; throws when the input is malformed. */
  decode(payload: string | Uint8Array): unknown;
  /** Decodes a JSON array of encoded data in one go; only a codec whose text is JSON has it. */
  decodeArray?(text: string): unknown;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** JSON (RFC 8259) as text. Data without a JSON form (undefined, functions) is refused. */
export const jsonCodec: Codec = {
  contentType: "application/json",
  encode(data) {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError(`${typeof data} has no JSON form`);
    return text;
  },
  decode(payload) {
    // Fatal: bytes that are not UTF-8 must not turn into other text unnoticed.
    return JSON.parse(typeof payload === "string" ? payload : utf8.decode(payload)) as unknown;
  },
  decodeArray: (text) => JSON.parse(text) as unknown,
};
