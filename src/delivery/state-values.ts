// The stored form of state: the rules for keys and values. Knows nothing of rows in memory.
import { SpillwayError } from "../errors/spillway-error.ts";
import { keyBytesMax } from "./message-options.ts";

/** Largest encoded value of one state row, in bytes. */
export const stateValueBytesMax = 1_048_576;

/** Throws INVALID_ARGUMENT unless `key` may address a row. */
export function assertStateKey(table: string, key: unknown): asserts key is string {
  if (typeof key === "string" && key.length > 0 && key.charCodeAt(0) !== 0x1f) {
    // Halves of surrogate pairs have no UTF-8 form: two such keys would be stored as one.
    if (!key.isWellFormed()) throw invalidKey(table, key);
    if (key.length * 3 <= keyBytesMax || Buffer.byteLength(key) <= keyBytesMax) return;
  }
  throw invalidKey(table, key);
}

function invalidKey(table: string, key: unknown): SpillwayError {
  const shown = typeof key === "string" ? JSON.stringify(key.slice(0, 100)) : String(key);
  return new SpillwayError(
    "INVALID_ARGUMENT",
    `state '${table}': key is ${shown}: ` +
      `give well-formed text of 1 to ${keyBytesMax} bytes that does not start with U+001F`,
    { details: { table } },
  );
}

/** The JSON of a value; throws CODEC_FAILED or MESSAGE_TOO_LARGE. */
export function encodeStateValue(table: string, key: string, value: unknown): string {
  let text: string | undefined;
  let reason = `${typeof value} has no JSON form`;
  let cause: unknown;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    cause = error;
    reason = error instanceof Error ? error.message : String(error);
  }
  const details = { table, key };
  if (text === undefined) {
    throw new SpillwayError(
      "CODEC_FAILED",
      `state '${table}' of key ${JSON.stringify(key)} cannot be encoded: ${reason}`,
      { cause, details },
    );
  }
  if (text.length * 3 <= stateValueBytesMax) return text;
  const bytes = Buffer.byteLength(text);
  if (bytes <= stateValueBytesMax) return text;
  throw new SpillwayError(
    "MESSAGE_TOO_LARGE",
    `state '${table}' of key ${JSON.stringify(key)} takes ${bytes} bytes, the limit is ` +
      `${stateValueBytesMax}: divide it into several rows`,
    { details: { ...details, bytes } },
  );
}
