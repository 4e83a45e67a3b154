// Finds programs and users of this machine. Changes nothing.
import { spawnSync } from "node:child_process";
import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { ServerUser } from "./guardian/guardian-words.ts";

/** How long a program may take to tell its version. */
const versionMsMax = 20_000;

/** Where servers lie that are not meant to be called by hand. */
const serverFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** The path of a program in one of the folders, or else in PATH; undefined: it is not here. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  const inPath = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...folders, ...inPath, ...serverFolders]
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** The folders that a folder holds, the highest number first; none where it does not exist. */
export function versionFolders(parent: string): readonly string[] {
  try {
    return readdirSync(parent).toSorted((left, right) => Number(right) - Number(left));
  } catch {
    return [];
  }
}

/** What a program prints when it is called with these words; "" where it cannot be run. */
export function printedBy(program: string, words: readonly string[]): string {
  const { stdout, stderr } = spawnSync(program, words, {
    encoding: "utf8",
    timeout: versionMsMax,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return `${stdout ?? ""}${stderr ?? ""}`;
}

/** Whether this process may do everything on this machine. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The first of these users that the machine knows. */
export function findUser(...names: readonly string[]): ServerUser | undefined {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of names) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
