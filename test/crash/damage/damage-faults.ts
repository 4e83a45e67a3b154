// Single faults in the files of a journal that nobody has open: drawn from a seed, applied in
// place, described in one line. Runs in a process of its own that holds no connection meanwhile.
import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Random } from "../../../src/kernel/random.ts";
import { journalFiles } from "../../journal/damaged-directories.ts";
import type { DamageScene } from "./damage-scene.ts";

type File = keyof typeof journalFiles;
/** What is done to a file. */
export const faultKinds = ["flip", "zero", "truncate", "missing", "stale", "cut-frame"] as const;
export type FaultKind = (typeof faultKinds)[number];

const pageBytes = 16_384;
const walHeaderBytes = 32;
const frameHeaderBytes = 24;

/** Applies one fault to a copy; returns what was done, undefined where it cannot be. */
export function applyFault(
  scene: DamageScene,
  directory: string,
  kind: FaultKind,
  random: Random,
): string | undefined {
  if (kind === "cut-frame") return cutLastFrame(directory, random);
  const present = (Object.keys(journalFiles) as File[]).filter((file) => {
    return existsSync(join(directory, journalFiles[file])) && sizeOf(directory, file) > 0;
  });
  const file = present[random.uint32() % present.length];
  if (file === undefined) return undefined;
  const path = join(directory, journalFiles[file]);
  if (kind === "missing") {
    rmSync(path);
    return `${file}: missing`;
  }
  if (kind === "stale") return makeStale(scene, path, file, random);
  if (kind === "truncate") {
    const bytes = random.uint32() % sizeOf(directory, file);
    truncate(path, bytes);
    return `${file}: truncated to ${bytes} bytes`;
  }
  const content = readFileSync(path);
  const done = kind === "flip" ? flip(content, random) : zero(content, random);
  writeFileSync(path, content);
  return `${file}: ${done}`;
}

function sizeOf(directory: string, file: File): number {
  return statSync(join(directory, journalFiles[file])).size;
}

function truncate(path: string, bytes: number): void {
  const opened = openSync(path, "r+");
  ftruncateSync(opened, bytes);
  closeSync(opened);
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
  content.fill(0, page * bytes, (page + 1) * bytes);
  return `${bytes} bytes zeroed from ${page * bytes}`;
}

function makeStale(
  scene: DamageScene,
  path: string,
  file: File,
  random: Random,
): string | undefined {
  const from = scene.earlier[random.uint32() % scene.earlier.length] as string;
  const earlier = join(from, journalFiles[file]);
  if (!existsSync(earlier)) return undefined;
  copyFileSync(earlier, path);
  return `${file}: as it was in ${from.slice(from.lastIndexOf("/") + 1)}`;
}

/** Cuts the write-ahead log within the last frame that it holds. */
function cutLastFrame(directory: string, random: Random): string | undefined {
  const path = join(directory, journalFiles.wal);
  if (!existsSync(path) || statSync(path).size === 0) return undefined;
  const frameBytes = frameHeaderBytes + pageBytes;
  const frames = framesIn(readFileSync(path), frameBytes);
  if (frames === 0) return undefined;
  const start = walHeaderBytes + (frames - 1) * frameBytes;
  const bytes = start + (random.uint32() % frameBytes);
  truncate(path, bytes);
  return `wal: cut ${bytes - start} bytes into its last frame`;
}

/** Frames with the salts of the header: those behind are of an earlier use of the file. */
function framesIn(wal: Buffer, frameBytes: number): number {
  const salts = wal.subarray(16, 24);
  let frames = 0;
  for (let at = walHeaderBytes; at + frameBytes <= wal.length; at += frameBytes) {
    if (!wal.subarray(at + 8, at + 16).equals(salts)) break;
    frames++;
  }
  return frames;
}
