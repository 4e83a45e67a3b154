// Message ids: UUID version 7 (RFC 9562, section 5.7), written as 16 bytes straight into a block of
// ids, turned into text only when somebody asks. Knows nothing of messages. Always true: ids of one
// generator sort by the time they were made, at millisecond precision.
import { hash } from "node:crypto";
import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

/** Bytes in one id. */
export const idBytes = 16;

/** Writes a new UUIDv7 for the wall time `wallMs` into `target` at byte `at`. */
export function writeId(target: Uint8Array, at: number, wallMs: number, random: Random): void {
  const low = wallMs % 4_294_967_296;
  const high = (wallMs - low) / 4_294_967_296;
  const first = random.uint32();
  const second = random.uint32();
  const third = random.uint32();
  target[at] = high >>> 8;
  target[at + 1] = high;
  target[at + 2] = low >>> 24;
  target[at + 3] = low >>> 16;
  target[at + 4] = low >>> 8;
  target[at + 5] = low;
  target[at + 6] = 0x70 | ((first >>> 8) & 0x0f);
  target[at + 7] = first;
  target[at + 8] = 0x80 | ((first >>> 16) & 0x3f);
  target[at + 9] = first >>> 24;
  target[at + 10] = second;
  target[at + 11] = second >>> 8;
  target[at + 12] = second >>> 16;
  target[at + 13] = second >>> 24;
  target[at + 14] = third;
  target[at + 15] = third >>> 8;
}

/** One new UUIDv7 as text. */
export function newId(clock: Clock, random: Random): string {
  const bytes = new Uint8Array(idBytes);
  writeId(bytes, 0, clock.wallMs(), random);
  return formatId(bytes, 0);
}

const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, "0"),
);

/** The lower-case text of the UUID at byte `at`. */
export function formatId(bytes: Uint8Array, at: number): string {
  const pair = (index: number): string => hexPairs[bytes[at + index] as number] as string;
  return (
    `${pair(0)}${pair(1)}${pair(2)}${pair(3)}-${pair(4)}${pair(5)}-${pair(6)}${pair(7)}-` +
    `${pair(8)}${pair(9)}-${pair(10)}${pair(11)}${pair(12)}${pair(13)}${pair(14)}${pair(15)}`
  );
}

const canonicalUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether formatId(bytes of this text) gives the text back, so that 16 bytes keep all of it. */
export function isCanonicalUuid(text: string): boolean {
  return text.length === 36 && canonicalUuid.test(text);
}

/**
 * Writes the 16 bytes that stand for an id given by a user: the UUID itself when the text is a
 * canonical lower-case UUID, else the first 128 bits of the text's SHA-256.
 * Returns true when the bytes alone give the text back.
 */
export function writeGivenId(target: Uint8Array, at: number, text: string): boolean {
  if (isCanonicalUuid(text)) {
    target.set(Buffer.from(text.replaceAll("-", ""), "hex"), at);
    return true;
  }
  target.set(hash("sha256", text, "buffer").subarray(0, idBytes), at);
  return false;
}

/** An id that follows from a text: the same text, the same id. */
export function textId(text: string): string {
  const bytes = new Uint8Array(idBytes);
  writeGivenId(bytes, 0, text);
  return formatId(bytes, 0);
}
