// The frames of a write-ahead log that may be damaged (sqlite.org/fileformat2.html, section 4).
// SQLite stops at the first frame that is wrong; here the frames behind it are proved by the
// checksum stored in the frame before them. Always true: only frames of whole transactions are
// returned, and none that an older use of the same file left behind.
import { metaCrc } from "../../journal/row-checksums.ts";
import { pageBytes, readBtreePage } from "./btree-page.ts";
import type { RawFile } from "./raw-file.ts";
import { readRecord } from "./sqlite-record.ts";
import {
  sameChecksum,
  type WalChecksum,
  walChecksum,
  walChecksumBefore,
  wordsBetween,
} from "./wal-checksum.ts";

const headerBytes = 32;
const frameHeaderBytes = 24;
const frameBytes = frameHeaderBytes + pageBytes;
/** "0x377f0682": checksums of little-endian words. The same with 3 at its end: big-endian. */
const magicLittleEndian = 0x377f_0682;

/** A page that a transaction wrote. */
export interface WalFrame {
  readonly page: number;
  /** Pages of the database after the transaction; 0 but for its last frame. */
  readonly databasePages: number;
  /** Where the page stands in the file. */
  readonly at: number;
  /** Whether the page is what was written. */
  readonly sound: boolean;
  /** Whether the frame's header is readable, so that `page` can be believed. */
  readonly named: boolean;
  /** The page that it was instead, if one bit of the header is all that is wrong; else 0. */
  readonly otherPage: number;
}

/** What a write-ahead log holds. */
export interface WalReading {
  /** The frames of whole transactions, oldest first. */
  readonly frames: readonly WalFrame[];
  /** How many of them stand before the first damage: what SQLite itself would use. */
  readonly cut: number;
}

interface RawFrame {
  readonly at: number;
  readonly page: number;
  readonly databasePages: number;
  readonly salted: boolean;
  readonly sum: WalChecksum;
  readonly body: Uint8Array;
  readonly words: Uint8Array;
}

/**
 * Reads all frames. `pagesMax` bounds what a page's number can be; `commitKnown` is a commit number
 * that the journal has reached, as far as anybody knows.
 */
export function readWal(
  file: RawFile | undefined,
  pagesMax: number,
  commitKnown: number,
): WalReading {
  if (file === undefined || file.bytes < headerBytes + frameBytes) return { frames: [], cut: 0 };
  const reader = new WalReader(file, pagesMax);
  return wholeTransactions(file, reader.frames(), commitKnown);
}

class WalReader {
  readonly #file: RawFile;
  readonly #pagesMax: number;
  readonly #count: number;
  readonly #salts: readonly [number, number];
  readonly #littleEndian: boolean;
  #seed: WalChecksum;

  constructor(file: RawFile, pagesMax: number) {
    this.#file = file;
    this.#count = Math.floor((file.bytes - headerBytes) / frameBytes);
    this.#pagesMax = pagesMax + this.#count;
    const header = file.read(0, headerBytes);
    const view = viewOf(header);
    const magic = view.getUint32(0);
    const bigEndian = magic === magicLittleEndian + 1;
    this.#littleEndian = !bigEndian;
    const stored: WalChecksum = [view.getUint32(24), view.getUint32(28)];
    const computed = walChecksum([0, 0], header.subarray(0, 24), this.#littleEndian);
    // The checksum of nothing but zeros is zero.
    const sound = sameChecksum(stored, computed) && (bigEndian || magic === magicLittleEndian);
    this.#salts = sound ? [view.getUint32(16), view.getUint32(20)] : this.#commonSalts();
    // Where the header is damaged, its checksum may be what is right or what is wrong.
    const first = this.#frame(0);
    const byComputed = first !== undefined && sameChecksum(this.#sumOf(computed, first), first.sum);
    this.#seed = byComputed ? computed : stored;
  }

  frames(): WalFrame[] {
    const frames: WalFrame[] = [];
    let previousIsOurs = true;
    for (let index = 0; index < this.#count; index++) {
      const frame = this.#frame(index);
      if (frame === undefined) break;
      const read = this.#read(frame, index, previousIsOurs);
      previousIsOurs = read.named;
      frames.push(read);
    }
    return frames;
  }

  #read(frame: RawFrame, index: number, previousIsOurs: boolean): WalFrame {
    const { at, page, databasePages, salted, sum } = frame;
    const computed = this.#sumOf(this.#seed, frame);
    const seed = this.#seed;
    this.#seed = sum;
    const named = { at: at + frameHeaderBytes, page, databasePages, named: true, otherPage: 0 };
    // Frames of an older use of the file prove each other too, but not the first of them.
    if (sameChecksum(computed, sum) && (salted || previousIsOurs)) return { ...named, sound: true };
    const next = this.#frame(index + 1);
    if (salted && next !== undefined && sameChecksum(this.#sumOf(computed, next), next.sum)) {
      // The page is right, and its checksum is what was damaged.
      this.#seed = computed;
      return { ...named, sound: true };
    }
    const plausible = salted && page > 0 && page <= this.#pagesMax;
    const [otherPage, otherSize] = this.#wordsFrom(seed, frame) ?? [0, 0];
    // A damaged size must not end a transaction that goes on, or make the database endless.
    const size = databasePages <= this.#pagesMax ? databasePages : 0;
    const ends = { databasePages: size === 0 ? otherSize : size, otherPage };
    return { ...named, ...ends, sound: false, named: plausible };
  }

  /**
   * Page and size that the header must have had, if the page is right and one bit of the header
   * is not. Some damages of the page give such an answer too, so it is a suspicion only.
   */
  #wordsFrom(seed: WalChecksum, frame: RawFrame): WalChecksum | undefined {
    const before = walChecksumBefore(frame.sum, frame.body, this.#littleEndian);
    const words = Buffer.alloc(8);
    const [first, second] = wordsBetween(seed, before);
    if (this.#littleEndian) {
      words.writeUInt32LE(first, 0);
      words.writeUInt32LE(second, 4);
    } else {
      words.writeUInt32BE(first, 0);
      words.writeUInt32BE(second, 4);
    }
    const page = words.readUInt32BE(0);
    const pages = words.readUInt32BE(4);
    if (page === 0 || page > this.#pagesMax || pages > this.#pagesMax) return undefined;
    const isOneBit = bitsOf(page ^ frame.page) + bitsOf(pages ^ frame.databasePages) === 1;
    return isOneBit ? [page, pages] : undefined;
  }

  #sumOf(seed: WalChecksum, frame: RawFrame): WalChecksum {
    const head = walChecksum(seed, frame.words, this.#littleEndian);
    return walChecksum(head, frame.body, this.#littleEndian);
  }

  #frame(index: number): RawFrame | undefined {
    if (index >= this.#count) return undefined;
    const at = headerBytes + index * frameBytes;
    const bytes = this.#file.read(at, frameBytes);
    if (bytes.byteLength < frameBytes) return undefined;
    const view = viewOf(bytes);
    const [first, second] = this.#salts;
    return {
      at,
      page: view.getUint32(0),
      databasePages: view.getUint32(4),
      salted: view.getUint32(8) === first && view.getUint32(12) === second,
      sum: [view.getUint32(16), view.getUint32(20)],
      words: bytes.subarray(0, 8),
      body: bytes.subarray(frameHeaderBytes),
    };
  }

  /** The salts of most of the first frames: those of the file's present use. */
  #commonSalts(): readonly [number, number] {
    const counts = new Map<string, number>();
    const firstFrames = 16;
    for (let index = 0; index < Math.min(firstFrames, this.#count); index++) {
      const view = viewOf(this.#file.read(headerBytes + index * frameBytes, frameHeaderBytes));
      const key = `${view.getUint32(8)} ${view.getUint32(12)}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const [best = "0 0"] = [...counts].sort((left, right) => right[1] - left[1])[0] ?? [];
    const [first = 0, second = 0] = best.split(" ").map(Number);
    return [first, second];
  }
}

/** Leaves out what never committed, and what an earlier use of the file left behind a cut. */
function wholeTransactions(
  file: RawFile,
  frames: readonly WalFrame[],
  commitKnown: number,
): WalReading {
  const firstBroken = frames.findIndex((frame) => !frame.sound);
  let kept = 0;
  let cut = 0;
  // A journal's creation is its commit 0.
  let highest = -1;
  let from = 0;
  /** Transactions since the highest number that did not say theirs. */
  let unnumbered = 0;
  for (let index = 0; index < frames.length; index++) {
    const frame = frames[index] as WalFrame;
    if (!frame.named || frame.databasePages === 0) continue;
    const commit = commitOf(file, frames.slice(from, index + 1), highest + unnumbered + 1);
    unnumbered = commit === undefined ? unnumbered + 1 : 0;
    // After a recovery new transactions overwrite old ones from the cut on; what is left of the
    // old ones behind them has lower numbers.
    if (commit !== undefined && commit <= highest) break;
    from = index + 1;
    const beforeDamage = firstBroken < 0 || index < firstBroken;
    if (beforeDamage) cut = from;
    if (commit === undefined && !beforeDamage && highest >= commitKnown) continue;
    highest = commit ?? highest;
    kept = from;
  }
  return { frames: frames.slice(0, kept), cut };
}

/**
 * The commit number that a transaction wrote; undefined where its page is not readable. The row on
 * a damaged page has a checksum of its own, but may be another transaction's, written to the wrong
 * place: it counts where it is the number that comes `next`.
 */
function commitOf(file: RawFile, frames: readonly WalFrame[], next: number): number | undefined {
  for (const { at, sound } of frames) {
    const number = commitOnPage(file.read(at, pageBytes));
    if (number !== undefined && (sound || number === next)) return number;
  }
  return undefined;
}

/** Rows of the table meta; more than it ever has. */
const metaRowsMax = 64;

/** The commit number, where this is the page of the table meta. */
export function commitOnPage(page: Uint8Array): number | undefined {
  if (page[0] !== 10) return undefined;
  const found = readBtreePage(page);
  if (found === undefined || found.cells.length > metaRowsMax) return undefined;
  for (const { local } of found.cells) {
    const [name, value, crc] = readRecord(local, 3) ?? [];
    if (name !== "commit" || typeof value !== "string") continue;
    if (metaCrc(name, value) === crc) return Number(value);
  }
  return undefined;
}

/** How many bits are set. */
function bitsOf(word: number): number {
  let bits = 0;
  for (let rest = word >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) bits++;
  return bits;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
