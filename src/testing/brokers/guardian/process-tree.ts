// Which processes belong to a server, and signals to all of them at once. Knows nothing of brokers.
// Always true: a process counts when one of the given ones is among its ancestors, or (on Linux)
// when it was started with the mark in its environment; zombies do not count.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** The variable whose value marks the processes of one broker. */
export const markVariable = "SPILLWAY_BROKER";
/** How often the tree is looked at again while processes in it still start others. */
const looksMax = 50;

/** What the system says of one process. */
interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** One letter: "T" is stopped, "Z" is a zombie. */
  readonly state: string;
}

/** The living processes of a server: the given ones, their descendants, and the marked ones. */
export function treeOf(pids: readonly number[], mark: string): readonly number[] {
  return entriesOf(pids, mark).map(({ pid }) => pid);
}

/** Whether each living process of the tree is stopped, as after SIGSTOP. */
export function treeStandsStill(pids: readonly number[], mark: string): boolean {
  return entriesOf(pids, mark).every(({ state }) => state.startsWith("T"));
}

/** Stops every process of the tree, those too that were being started meanwhile. */
export function stopTree(pids: readonly number[], mark: string): readonly number[] {
  const stopped = new Set<number>();
  for (let look = 0; look < looksMax; look++) {
    const others = treeOf(pids, mark).filter((pid) => !stopped.has(pid));
    if (others.length === 0) break;
    for (const pid of others) stopped.add(pid);
    signalAll(others, "SIGSTOP");
  }
  return [...stopped];
}

/** Ends the tree: stopped first, so that none of them can start another in between. */
export function killTree(pids: readonly number[], mark: string): void {
  signalAll(stopTree(pids, mark), "SIGKILL");
}

/** Sends a signal to each; who is gone already is passed over. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

function entriesOf(pids: readonly number[], mark: string): readonly ProcessEntry[] {
  const all = readProcesses().filter(({ state }) => !state.startsWith("Z"));
  const children = Map.groupBy(all, ({ parent }) => parent);
  const wanted = new Set(pids);
  const found = all.filter(({ pid }) => wanted.has(pid) || isMarked(pid, mark));
  const seen = new Set(found.map(({ pid }) => pid));
  for (const { pid } of found) {
    // The list grows while it is walked, so that grandchildren follow.
    for (const child of children.get(pid) ?? []) {
      if (seen.has(child.pid)) continue;
      seen.add(child.pid);
      found.push(child);
    }
  }
  return found;
}

function readProcesses(): readonly ProcessEntry[] {
  if (process.platform !== "linux") return readProcessList();
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const stat = readOf(name, "stat");
    // The name of the program stands in parentheses, and may hold any character.
    const [state = "", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return stat === "" ? [] : [{ pid: Number(name), parent: Number(parent), state }];
  });
}

function readProcessList(): readonly ProcessEntry[] {
  const listed = spawnSync("ps", ["-A", "-o", "pid=,ppid=,state="], { encoding: "utf8" });
  return (listed.stdout ?? "").split("\n").flatMap((line) => {
    const [pid = "", parent, state = ""] = line.trim().split(/\s+/);
    return pid === "" ? [] : [{ pid: Number(pid), parent: Number(parent), state }];
  });
}

function isMarked(pid: number, mark: string): boolean {
  return `\0${readOf(String(pid), "environ")}`.includes(`\0${markVariable}=${mark}\0`);
}

function readOf(pid: string, file: string): string {
  if (process.platform !== "linux") return "";
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    // It has ended meanwhile, or belongs to somebody else.
    return "";
  }
}
