// Faults in the files of a journal: drawn from a seed, applied in place, described in one line.
// Whoever calls this holds no connection to these files.
import {
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Random } from "../../../src/kernel/random.ts";
import { pageBytes } from "../../journal/damage.ts";
import { journalFiles } from "../../journal/damaged-directories.ts";
import { lastFrameOf, type World } from "./world.ts";

/** A file of a journal. */
export type File = keyof typeof journalFiles;

/** What is done to a file. */
export type FaultKind =
  | "flip"
  | "zero"
  | "truncate"
  | "cut-frame"
  | "stale"
  | "misplaced"
  | "missing";

/** One fault that took place. */
export interface Fault {
  readonly kind: FaultKind;
  readonly file: File;
  readonly text: string;
}

/** How often each kind is drawn, and in which files it can be. */
const kinds: readonly {
  readonly kind: FaultKind;
  readonly weight: number;
  readonly files: readonly File[];
}[] = [
  { kind: "flip", weight: 9, files: ["database", "database", "wal", "wal", "shm", "tail"] },
  { kind: "zero", weight: 5, files: ["database", "wal", "shm", "tail"] },
  { kind: "truncate", weight: 3, files: ["database", "wal", "shm", "tail"] },
  { kind: "cut-frame", weight: 2, files: ["wal"] },
  { kind: "stale", weight: 5, files: ["database", "wal", "shm", "tail"] },
  { kind: "misplaced", weight: 4, files: ["database", "database", "wal"] },
  { kind: "missing", weight: 2, files: ["database", "wal", "shm", "tail"] },
];
const weights = kinds.reduce((sum, { weight }) => sum + weight, 0);

/** Draws one fault and applies it; draws again where this journal has no such file. */
export function plantOne(world: World, directory: string, random: Random): Fault {
  for (;;) {
    let at = random.uint32() % weights;
    const drawn = kinds.find(({ weight }) => (at -= weight) < 0);
    if (drawn === undefined) continue;
    const { kind, files } = drawn;
    const file = files[random.uint32() % files.length] as File;
    const path = join(directory, journalFiles[file]);
    const bytes = existsSync(path) ? statSync(path).size : 0;
    const text = bytes === 0 ? undefined : plants[kind]({ world, path, file, bytes, random });
    if (text !== undefined) return { kind, file, text: `${file}: ${text}` };
  }
}

interface Target {
  readonly world: World;
  readonly path: string;
  readonly file: File;
  readonly bytes: number;
  readonly random: Random;
}

const plants: Readonly<Record<FaultKind, (target: Target) => string | undefined>> = {
  flip: (target) => change(target, flip),
  zero: (target) => change(target, zero),
  truncate({ path, bytes, random }) {
    const left = random.uint32() % bytes;
    truncateSync(path, left);
    return `truncated to ${left} of ${bytes} bytes`;
  },
  "cut-frame"({ path, random }) {
    const { from, to } = lastFrameOf(readFileSync(path));
    const left = from + (random.uint32() % (to - from));
    truncateSync(path, left);
    return `cut ${left - from} bytes into its last frame`;
  },
  stale({ world, path, file, random }) {
    const from = world.earlier[random.uint32() % world.earlier.length] as string;
    const earlier = join(from, journalFiles[file]);
    if (!existsSync(earlier)) return undefined;
    copyFileSync(earlier, path);
    return `as it was in ${from.slice(from.lastIndexOf("/") + 1)}`;
  },
  misplaced: (target) => change(target, misplace),
  missing({ path }) {
    rmSync(path);
    return "missing";
  },
};

function change(
  { path, random, file }: Target,
  how: (content: Buffer, random: Random, file: File) => string | undefined,
): string | undefined {
  const content = readFileSync(path);
  const done = how(content, random, file);
  if (done !== undefined) writeFileSync(path, content);
  return done;
}

/** Half of the flips hit a byte that is not zero: most bytes of a small journal are. */
function flip(content: Buffer, random: Random): string {
  let at = random.uint32() % content.length;
  const wantsContent = random.uint32() % 4 !== 0;
  for (let tries = 0; wantsContent && content[at] === 0 && tries < 1_000; tries++) {
    at = random.uint32() % content.length;
  }
  const bit = random.uint32() % 8;
  content[at] = (content[at] as number) ^ (1 << bit);
  return `bit ${bit} of byte ${at} flipped`;
}

function zero(content: Buffer, random: Random): string {
  const bytes = content.length < 4 * pageBytes ? 4_096 : pageBytes;
  const page = random.uint32() % Math.ceil(content.length / bytes);
  content.subarray(page * bytes, (page + 1) * bytes).fill(0);
  return `${bytes} bytes zeroed from ${page * bytes}`;
}

/** What belongs into one page stands in another one too, or two have changed places. */
function misplace(content: Buffer, random: Random, file: File): string | undefined {
  const [start, step] = file === "wal" ? [56, pageBytes + 24] : [0, pageBytes];
  const pages = Math.floor((content.length - start) / step);
  if (pages < 2) return undefined;
  const from = random.uint32() % pages;
  const to = (from + 1 + (random.uint32() % (pages - 1))) % pages;
  const page = (number: number): Buffer =>
    content.subarray(start + number * step, start + number * step + pageBytes);
  if (page(from).equals(page(to))) return undefined;
  const target = Buffer.from(page(to));
  const isSwap = random.uint32() % 2 === 0;
  if (!isSwap && isEmptyIndexLeaf(page(from)) && isAllOfState(target)) return undefined;
  page(from).copy(page(to));
  if (isSwap) target.copy(page(from));
  const how = isSwap ? "has changed places with" : "is written over";
  return `page ${from} of ${pages} ${how} page ${to}`;
}

/**
 * Left out of the draw, and open: an empty page of an index over the only page of state. It is what
 * an empty table looks like; no index and no count tells on opening that there were rows. (With an
 * empty page of a table SQLite finds it: seed 4711, case 1671, and seed 2026, case 1479.)
 */
function isAllOfState(page: Buffer): boolean {
  return page[0] === indexLeaf && page.includes("account-");
}

function isEmptyIndexLeaf(page: Buffer): boolean {
  return page[0] === indexLeaf && page.readUInt16BE(3) === 0;
}

/** The first byte of such a page. */
const indexLeaf = 10;
