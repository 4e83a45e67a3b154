// Key slots: the 16-bit number by which work is divided between consumers. The algorithm is part of
// the journal's format and never changes: FNV-1a, 32 bits, over the key's UTF-8 bytes, xor-folded
// to 16 bits (Fowler, Noll, Vo: "FNV hash", sections "FNV-1a" and "xor-folding").

/** How many key slots there are; a slot is a number from 0 to slotCount − 1. */
export const slotCount = 65_536;

/** The slot of a key. The same text has the same slot on every machine and in every version. */
export function keySlot(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    const unit = key.charCodeAt(index);
    if (unit > 0x7f) return slotOfBytes(Buffer.from(key, "utf8"));
    hash = Math.imul(hash ^ unit, 0x01000193);
  }
  return ((hash >>> 16) ^ hash) & 0xffff;
}

/** The slot of raw bytes: of a key in UTF-8, or of the 16 bytes of an id where there is no key. */
export function slotOfBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let hash = 0x811c9dc5;
  for (let index = start; index < end; index++) {
    hash = Math.imul(hash ^ (bytes[index] as number), 0x01000193);
  }
  return ((hash >>> 16) ^ hash) & 0xffff;
}
