// Which processes have a journal open, as the system sees it (Linux: /proc). It opens no file of
// the journal. Always true: what it may not see (other users' processes) is left out, never
// guessed.
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { databasePath } from "../../adapters/embedded/journal/directory.ts";

/** A process that has the journal open. */
export interface Holder {
  readonly pid: number;
  readonly name: string;
  readonly state: "running" | "stopped";
}

/** The other processes that have the journal open; undefined where the system does not tell. */
export function listHolders(directory: string): readonly Holder[] | undefined {
  if (!existsSync("/proc/self/fd")) return undefined;
  const path = databasePath(realpathSync(directory));
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => hasOpen(pid, path))
    .map((pid) => ({ pid: Number(pid), ...statusOf(pid) }));
}

function hasOpen(pid: string, path: string): boolean {
  return entriesOf(`/proc/${pid}/fd`).some((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`) === path;
    } catch {
      return false;
    }
  });
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // The process ended meanwhile, or belongs to somebody else.
    return [];
  }
}

function statusOf(pid: string): { name: string; state: Holder["state"] } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const name = /^Name:\s+(.*)$/m.exec(status)?.[1] ?? "unknown";
    const stopped = /^State:\s+[Tt]/m.test(status);
    return { name, state: stopped ? "stopped" : "running" };
  } catch {
    return { name: "ended meanwhile", state: "running" };
  }
}
