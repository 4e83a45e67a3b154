// The file `reserve` (docs/adr/0013): space that the journal holds so that it can give it up when
// the disk is full. Its size says everything: missing, it was never made; empty, it was given up;
// anything between is being made. Always true: it is written, not sparse, in small steps, and only
// a whole one counts; it is empty only where it was given up, also after a power cut.
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { seededRandom } from "../../../kernel/random.ts";
import { databasePath, reservePath } from "./directory.ts";
import { syncDirectory } from "./sync-directory.ts";

/** Size of the reserve: 8 MiB. */
export const reserveBytesMax = 8_388_608;
/** Written at a time, so that nobody waits long for it. */
export const reserveStepBytes = 1_048_576;
/** What must fit for the disk not to count as full. */
const probeBytes = 65_536;

let block: Uint8Array | undefined;

/** Content that no file system can make smaller. */
function incompressible(): Uint8Array {
  if (block !== undefined) return block;
  const random = seededRandom(1);
  const words = new Uint32Array(reserveStepBytes / 4);
  for (let index = 0; index < words.length; index++) words[index] = random.uint32();
  block = new Uint8Array(words.buffer);
  return block;
}

/** The file's size; undefined where there is none. */
export function reserveSize(directory: string): number | undefined {
  return statSync(reservePath(directory), { throwIfNoEntry: false })?.size;
}

/** Gives up the reserve, and leaves an empty file that says so; whether that gave any space. */
export function releaseReserve(directory: string): boolean {
  const size = reserveSize(directory) ?? 0;
  try {
    const file = openSync(reservePath(directory), constants.O_WRONLY | constants.O_CREAT, 0o644);
    try {
      ftruncateSync(file, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
  return size > 0;
}

/** Makes the next part of the reserve; whether it is whole. Throws what the system says. */
export function growReserve(directory: string, bytes: number): boolean {
  const path = reservePath(directory);
  if (!existsSync(path)) return beginReserve(directory, bytes);
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o644);
  const { size } = fstatSync(file);
  try {
    writeAll(file, size, Math.min(bytes - size, reserveStepBytes));
    if (size + reserveStepBytes < bytes) return false;
    fsyncSync(file);
    syncDirectory(directory);
    return true;
  } catch (error) {
    ftruncateSync(file, size);
    throw error;
  } finally {
    closeSync(file);
  }
}

/** The first part is on the disk before the file has its name: until then it would be empty. */
function beginReserve(directory: string, bytes: number): boolean {
  const path = reservePath(directory);
  const begun = `${path}.new`;
  try {
    const file = openSync(begun, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o644);
    try {
      writeAll(file, 0, Math.min(bytes, reserveStepBytes));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(begun, path);
  } catch (error) {
    rmSync(begun, { force: true });
    throw error;
  }
  syncDirectory(directory);
  return bytes <= reserveStepBytes;
}

/** Whether something can still be written, as far as a try shows; quotas count. */
export function hasRoom(directory: string): boolean {
  const path = `${reservePath(directory)}.probe`;
  try {
    const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o644);
    try {
      writeAll(file, 0, probeBytes);
    } finally {
      closeSync(file);
    }
    return true;
  } catch (error) {
    return !isNoSpace(error);
  } finally {
    rmSync(path, { force: true });
  }
}

/** Where nothing more can be written beside a journal: gives the reserve up; whether it had any. */
export function makeRoom(directory: string): boolean {
  if (!existsSync(databasePath(directory)) || hasRoom(directory)) return false;
  return releaseReserve(directory);
}

/** Whether the system said that the disk is full, or a quota used up. */
export function isNoSpace(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("code" in error)) return false;
  return error.code === "ENOSPC" || error.code === "EDQUOT";
}

function writeAll(file: number, position: number, bytes: number): void {
  const content = incompressible();
  for (let written = 0; written < bytes; ) {
    written += writeSync(file, content, written, bytes - written, position + written);
  }
}
