// Who keeps the write-ahead log from being reset: processes with a read transaction open, as the
// kernel lists their locks (Linux: /proc/locks). Opens no file of the journal; `stat` finds its
// number. Always true: what cannot be seen (other systems, processes of another container) is
// left out, never guessed.
import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename } from "node:path";
import { databasePath } from "./directory.ts";

/** A process that reads, and the place of its lock. */
export interface WalReader {
  readonly pid: number;
  /**
   * Which of SQLite's five read locks it holds. One that reads again and again changes it as the
   * log grows; one that stays open does not.
   */
  readonly slot: number;
}

/** Where SQLite's read locks lie in the -shm file (wal.c: WAL_READ_LOCK, os_unix.c: SHM_BASE). */
const readLocks = { first: 123, last: 127 } as const;
/** Longest command that is shown. */
const commandLengthMax = 80;
/** A line of /proc/locks: "1: POSIX  ADVISORY  READ 4711 fe:00:1835 124 124". */
const lockLine = /^\d+: POSIX +ADVISORY +READ +(\d+) ([0-9a-f]+:[0-9a-f]+):(\d+) (\d+) (\d+)$/gm;

/** Processes that read the journal at this moment; undefined where the system does not tell. */
export function walReaders(directory: string): readonly WalReader[] | undefined {
  const path = `${databasePath(directory)}-shm`;
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  let text: string;
  try {
    text = readFileSync("/proc/locks", "utf8");
  } catch {
    return undefined;
  }
  const device = deviceName(stats.dev);
  const readers: WalReader[] = [];
  for (const [, pid, lockDevice, inode, first, last] of text.matchAll(lockLine)) {
    if (Number(inode) !== stats.ino) continue;
    // Some file systems show another device number here than to stat(2).
    if (lockDevice !== device && !hasOpen(Number(pid), path)) continue;
    const from = Math.max(Number(first), readLocks.first);
    const to = Math.min(Number(last), readLocks.last);
    for (let byte = from; byte <= to; byte++) {
      readers.push({ pid: Number(pid), slot: byte - readLocks.first });
    }
  }
  return readers;
}

/** The readers of one look that the look before it showed as well, with the same lock. */
export function stillThere(
  before: readonly WalReader[],
  now: readonly WalReader[],
): readonly WalReader[] {
  return now.filter(({ pid, slot }) =>
    before.some((reader) => reader.pid === pid && reader.slot === slot),
  );
}

/** "process 4711 (node worker.js)", for people; several are joined. */
export function describeReaders(readers: readonly WalReader[]): string {
  const pids = [...new Set(readers.map(({ pid }) => pid))];
  return pids
    .map((pid) => {
      const own = pid === process.pid ? ", this process" : "";
      return `process ${pid} (${commandOf(pid)}${own})`;
    })
    .join(" and ");
}

/** The program and its first argument that is no option: enough to know it, without secrets. */
function commandOf(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const [program = "", ...rest] = words.filter((word) => word !== "");
    const script = rest.find((word) => !word.startsWith("-"));
    const command = script === undefined ? basename(program) : `${basename(program)} ${script}`;
    return command === "" ? "unknown" : command.slice(0, commandLengthMax);
  } catch {
    return "ended meanwhile";
  }
}

function hasOpen(pid: number, path: string): boolean {
  try {
    const real = realpathSync(path);
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((name) => linkOf(`${folder}/${name}`) === real);
  } catch {
    // It ended, or belongs to somebody else.
    return false;
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** "fe:00" as /proc/locks writes a device number. */
function deviceName(device: number): string {
  // The layout of glibc's makedev(3): 12 bits of the major number stand above 8 of the minor.
  const major = Number((BigInt(device) >> 8n) & 0xfffn);
  const minor = Number((BigInt(device) & 0xffn) | ((BigInt(device) >> 12n) & 0xfff00n));
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  return `${hex(major)}:${hex(minor)}`;
}
