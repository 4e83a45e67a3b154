// The checks that need no journal: the runtime, the directory, its file system, space, and the
// files of the journal as far as `stat` shows them. Always true: no file of the journal is opened
// here, because closing it would drop the locks that SQLite holds on it.
import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { freeBytesMinDefault } from "../../adapters/embedded/journal/disk-space.ts";
import { assertLocalFileSystem, walPath } from "../../adapters/embedded/journal/directory.ts";
import {
  describeReaders,
  stillThere,
  walReaders,
} from "../../adapters/embedded/journal/wal-readers.ts";
import { reserveSize } from "../../adapters/embedded/journal/reserve-file.ts";
import { walBytesMaxDefault } from "../../adapters/embedded/options.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { type Clock, delay } from "../../kernel/clock.ts";
import { formatBytes } from "../terminal/number-format.ts";
import type { Finding } from "./finding.ts";
import { listHolders } from "./journal-holders.ts";

/** Less free space than this stops publishers, unless they were given another floor. */
export const freeBytesFail: number = freeBytesMinDefault;
/** Less free space than this is worth a warning. */
export const freeBytesWarn = 1_073_741_824;

/** Looks at the readers' locks, and the time between two. */
const readerLooks = 5;
const readerLookMs = 60;

/** Which Node this is, and whether it is new enough. */
export function checkRuntime(versions: NodeJS.ProcessVersions): Finding {
  const check = "runtime";
  const [major = 0, minor = 0] = versions.node.split(".").map(Number);
  const sqlite = versions["sqlite"];
  const message = `Node.js ${versions.node}, SQLite ${sqlite ?? "missing"}`;
  const recent = major > 22 || (major === 22 && minor >= 22);
  if (recent && sqlite !== undefined) return { check, status: "ok", message };
  return { check, status: "fail", message, remedy: "install Node.js 22.22 or newer" };
}

/** Whether the directory is there, is one, and may be written. */
export function checkDirectory(directory: string): Finding {
  const check = "directory";
  const fail = (message: string, remedy: string): Finding => {
    return { check, status: "fail", message, remedy };
  };
  if (!existsSync(directory)) {
    return fail(`'${directory}' does not exist`, "check the path, or give another --directory");
  }
  if (!statSync(directory).isDirectory()) {
    return fail(`'${directory}' is not a directory`, "give the directory that holds the journal");
  }
  try {
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return fail(`'${directory}' may not be written`, "run as the user who owns the journal");
  }
  return { check, status: "ok", message: `'${directory}' can be read and written` };
}

/** Whether the directory lies on this machine: SQLite's WAL needs shared memory. */
export function checkFileSystem(directory: string, typeOf = fileSystemType): Finding {
  const check = "file system";
  try {
    assertLocalFileSystem(directory, typeOf(directory));
    return { check, status: "ok", message: "local" };
  } catch (error) {
    if (!(error instanceof SpillwayError)) throw error;
    const name = String(error.details["fileSystem"]);
    const remedy = "move the journal to a local disk: locks and shared memory do not work over it";
    return { check, status: "fail", message: `${name}, a network file system`, remedy };
  }
}

function fileSystemType(directory: string): number {
  return process.platform === "linux" ? statfsSync(directory).type : 0;
}

/** Whether there is room to go on writing. */
export function checkSpace(directory: string, freeOf = freeBytes): Finding {
  const check = "free space";
  const free = freeOf(directory);
  const message = formatBytes(free);
  const remedy = "free space on this disk, or shorten the channels' retention";
  if (free < freeBytesFail) return { check, status: "fail", message, remedy };
  if (free < freeBytesWarn) return { check, status: "warn", message, remedy };
  return { check, status: "ok", message };
}

/** Whether the journal has space to give up when the disk is full. */
export function checkReserve(directory: string): Finding {
  const check = "reserve";
  const size = reserveSize(directory);
  if (size === undefined) {
    const message = "none yet: it is made a second after opening, where there is room";
    return { check, status: "ok", message };
  }
  if (size > 0) return { check, status: "ok", message: formatBytes(size) };
  const remedy = "free space on this disk: it is made again, and publishers go on, by themselves";
  return { check, status: "warn", message: "given up: the disk was full", remedy };
}

function freeBytes(directory: string): number {
  const stats = statfsSync(directory);
  return stats.bavail * stats.bsize;
}

/** Whether the write-ahead log is within its bound. */
export function checkWriteAheadLog(directory: string): Finding {
  const check = "WAL";
  const bytes = statSync(walPath(directory), { throwIfNoEntry: false })?.size ?? 0;
  const message = `${formatBytes(bytes)} of ${formatBytes(walBytesMaxDefault)}`;
  if (bytes <= walBytesMaxDefault) return { check, status: "ok", message };
  const remedy = "a reader stays open somewhere: end the process that holds it";
  return { check, status: "warn", message, remedy };
}

/** Whether a process keeps a read transaction open: the write-ahead log grows until it ends. */
export async function checkReaders(directory: string, clock: Clock): Promise<Finding> {
  const check = "readers";
  let readers = walReaders(directory);
  if (readers === undefined) {
    return { check, status: "ok", message: "cannot be listed on this system" };
  }
  // Every read takes a lock for a moment; only one that is there at each look stays open.
  for (let look = 1; look < readerLooks && readers.length > 0; look++) {
    await delay(clock, readerLookMs);
    readers = stillThere(readers, walReaders(directory) ?? []);
  }
  if (readers.length === 0) return { check, status: "ok", message: "none stays open" };
  const many = new Set(readers.map(({ pid }) => pid)).size > 1;
  const message = `${describeReaders(readers)} ${many ? "keep" : "keeps"} a read transaction open`;
  const remedy = "unless it is a backup, end it: publishers will have to wait for it";
  return { check, status: "warn", message, remedy };
}

/** Which other processes have the journal open. */
export function checkHolders(directory: string): Finding {
  const check = "processes";
  const holders = listHolders(directory);
  if (holders === undefined) {
    return { check, status: "ok", message: "cannot be listed on this system" };
  }
  const list = holders.map((holder) => `${holder.pid} (${holder.name}, ${holder.state})`);
  const stopped = holders.filter((holder) => holder.state === "stopped");
  const message = list.length === 0 ? "no other process has it open" : `open in ${list.join(", ")}`;
  if (stopped.length === 0) return { check, status: "ok", message };
  const remedy = "a stopped process can block all writers: resume it (SIGCONT) or end it";
  return { check, status: "warn", message, remedy };
}
