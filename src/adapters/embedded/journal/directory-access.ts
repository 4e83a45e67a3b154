// Whether this process may use a journal's directory, asked before SQLite opens anything: SQLite
// would open a file that it may not write for reading only, and say so at the first write. Looks at
// names, owners and permissions, and opens no file. Always true: a refusal says who owns what, and
// as whom this process runs.
import { accessSync, constants, mkdirSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { assertLocalFileSystem, databasePath, walPath } from "./directory.ts";

/** What the system's error codes mean to somebody who chose a directory. */
const reasons: Readonly<Record<string, string>> = {
  EROFS: "it lies on a file system that is mounted read-only: mount it for writing",
  ENOSPC: "the disk is full: free some space",
  EDQUOT: "the user's quota is used up: free some space",
  EEXIST: "it is a file: give the path of a directory",
  ENOTDIR: "a part of its path is a file: give the path of a directory",
  ELOOP: "its path has links that lead in a circle",
  ENAMETOOLONG: "its path is too long for this system",
};

/**
 * Makes the directory where it is missing, and looks at it and at what lies in it. Throws
 * JOURNAL_DIRECTORY where this process could not keep a journal there.
 */
export function prepareDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (cause) {
    throw refusal(directory, "cannot be made", faultOfMaking(directory, cause));
  }
  if (process.platform === "linux") {
    assertLocalFileSystem(directory, statfsSync(directory).type);
  }
  assertAccess(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  const database = databasePath(directory);
  for (const path of [database, walPath(directory), `${database}-shm`]) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    if (!stats.isFile()) {
      const what = stats.isDirectory() ? "a directory" : "no ordinary file";
      throw new SpillwayError(
        "JOURNAL_DIRECTORY",
        `${path} is ${what}: move it away, or choose another directory; nothing was changed`,
        { details: { path } },
      );
    }
    assertAccess(path, constants.R_OK | constants.W_OK);
  }
}

function assertAccess(path: string, mode: number): void {
  try {
    accessSync(path, mode);
  } catch (cause) {
    throw refusal(path, "cannot be read and written", cause);
  }
}

/** Where a path or, before it is made, the nearest one above it can be looked at. */
function nearest(path: string): string {
  const above = dirname(path);
  return above === path || isThere(path) ? path : nearest(above);
}

/** Of a read-only file system Node says that nothing is there. */
function faultOfMaking(directory: string, cause: unknown): unknown {
  if (codeOf(cause) !== "ENOENT") return cause;
  try {
    accessSync(nearest(directory), constants.W_OK | constants.X_OK);
    return cause;
  } catch (fault) {
    return fault;
  }
}

function refusal(path: string, what: string, cause: unknown): SpillwayError {
  const code = codeOf(cause);
  const isRight = code === "EACCES" || code === "EPERM";
  const reason = isRight ? rightsOf(nearest(path)) : (reasons[code] ?? String(cause));
  return new SpillwayError("JOURNAL_DIRECTORY", `${path} ${what}: ${reason}`, {
    cause,
    details: { path, systemCode: code },
  });
}

/** Who owns what this process may not use. */
function rightsOf(path: string): string {
  const { uid, mode } = statSync(path);
  const permissions = (mode & 0o777).toString(8).padStart(3, "0");
  return (
    `${path} belongs to user ${uid} with mode ${permissions}, and this process runs as user ` +
    `${process.getuid?.() ?? "?"}: run as its owner, change its permissions, or choose another ` +
    "directory"
  );
}

function codeOf(error: unknown): string {
  const isCoded = typeof error === "object" && error !== null && "code" in error;
  return isCoded ? String(error.code) : "";
}

function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
