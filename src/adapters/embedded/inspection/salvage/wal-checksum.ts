// The running checksum of SQLite's write-ahead log (sqlite.org/fileformat2.html, section 4.2), and
// its inverse: each step can be undone, so a frame whose page is right tells what its header must
// have said. Pure.

/** The two words of a checksum. */
export type WalChecksum = readonly [first: number, second: number];

/** Carries a checksum over `bytes` (a multiple of 8). */
export function walChecksum(
  seed: WalChecksum,
  bytes: Uint8Array,
  littleEndian: boolean,
): WalChecksum {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [first, second] = seed;
  for (let at = 0; at + 8 <= bytes.byteLength; at += 8) {
    first = (first + view.getUint32(at, littleEndian) + second) | 0;
    second = (second + view.getUint32(at + 4, littleEndian) + first) | 0;
  }
  return [first >>> 0, second >>> 0];
}

/** The checksum before `bytes`, from the one after them. */
export function walChecksumBefore(
  after: WalChecksum,
  bytes: Uint8Array,
  littleEndian: boolean,
): WalChecksum {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [first, second] = after;
  for (let at = bytes.byteLength - 8; at >= 0; at -= 8) {
    second = (second - view.getUint32(at + 4, littleEndian) - first) | 0;
    first = (first - view.getUint32(at, littleEndian) - second) | 0;
  }
  return [first >>> 0, second >>> 0];
}

/** The two words that carry `seed` to `after`. */
export function wordsBetween(seed: WalChecksum, after: WalChecksum): WalChecksum {
  const first = (after[0] - seed[0] - seed[1]) >>> 0;
  const second = (after[1] - seed[1] - after[0]) >>> 0;
  return [first, second];
}

/** Whether two checksums are the same. */
export function sameChecksum(left: WalChecksum, right: WalChecksum): boolean {
  return left[0] === right[0] && left[1] === right[1];
}
