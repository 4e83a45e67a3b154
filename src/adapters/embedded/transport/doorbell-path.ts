// Where doorbell sockets lie: in the journal's directory, or, where that path is too long for a
// socket, in a folder of the system's temporary directory that is named after the journal's.
import { hash } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Random } from "../../../kernel/random.ts";
import { bellsPath } from "../journal/directory.ts";

/** Longest path of a socket that every supported system takes (macOS has 104, Linux 108). */
export const socketPathBytesMax = 100;

const suffix = ".bell";
const nameBytes = 16 + suffix.length;

/** The folder for the doorbells of a journal; it need not exist yet. */
export function bellFolder(directory: string): string {
  const usual = bellsPath(directory);
  if (Buffer.byteLength(usual) + 1 + nameBytes <= socketPathBytesMax) return usual;
  return join(tmpdir(), `spillway-${hash("sha256", directory, "hex").slice(0, 16)}`);
}

/** A path for a new doorbell. */
export function newBellPath(folder: string, random: Random): string {
  const word = (): string => random.uint32().toString(16).padStart(8, "0");
  return join(folder, `${word()}${word()}${suffix}`);
}

/** Every doorbell in a folder, in use or left behind; makes the folder where it is missing. */
export function bellsIn(folder: string): string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return readdirSync(folder)
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(folder, name));
}
