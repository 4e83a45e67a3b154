/**
 * The brokers that `npm run brokers -- up` has left running: one small file for each in a folder of
 * this user, from which `down` and `status` find them. Always true: a broker is alive when its
 * guardian is; what a dead guardian left behind is cleared away.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { BrokerName } from "../../src/testing/brokers/broker-names.ts";
import { guardianPath } from "../../src/testing/brokers/guardian/guardian.ts";
import { killTree } from "../../src/testing/brokers/guardian/process-tree.ts";
import type { LocalBroker } from "../../src/testing/brokers/local-broker.ts";
import { printedBy } from "../../src/testing/brokers/programs.ts";

/** A broker that runs without the command that started it. */
export interface KeptBroker {
  readonly name: BrokerName;
  readonly url: string;
  readonly port: number;
  readonly version: string;
  readonly directory: string;
  readonly guardianPid: number;
  readonly pids: readonly number[];
}

const downMsMax = 30_000;
const lookMs = 50;

/** The broker of this name that runs, if any. */
export function keptBroker(name: BrokerName): KeptBroker | undefined {
  const path = pathOf(name);
  if (!existsSync(path)) return undefined;
  const kept = noteIn(readFileSync(path, "utf8"));
  if (kept !== undefined && isAlive(kept)) return kept;
  if (kept !== undefined) clear(kept);
  rmSync(path, { force: true });
  return undefined;
}

/** Undefined: it was cut while it was written, by a command whose broker ended with it. */
function noteIn(text: string): KeptBroker | undefined {
  try {
    return JSON.parse(text) as KeptBroker;
  } catch {
    return undefined;
  }
}

/** Lets a broker run on; undefined where another command was quicker and there is one already. */
export async function keep(name: BrokerName, broker: LocalBroker): Promise<KeptBroker | undefined> {
  const { url, port, version, directory, guardianPid, pids } = broker;
  const kept = { name, url, port, version, directory, guardianPid, pids };
  try {
    writeFileSync(pathOf(name), `${JSON.stringify(kept)}\n`, { flag: "wx" });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return undefined;
    throw error;
  }
  await broker.letGo();
  return kept;
}

/** Ends a broker and removes its files; resolves when nothing of it is left. */
export async function end(kept: KeptBroker): Promise<void> {
  if (isAlive(kept)) process.kill(kept.guardianPid, "SIGTERM");
  for (let waitedMs = 0; isAlive(kept); waitedMs += lookMs) {
    if (waitedMs > downMsMax) {
      throw new Error(`${kept.name}: its guardian, process ${kept.guardianPid}, does not end`);
    }
    await pause(lookMs);
  }
  clear(kept);
}

/** What its guardian leaves when it is killed itself. */
function clear(kept: KeptBroker): void {
  killTree([], kept.directory);
  rmSync(kept.directory, { recursive: true, force: true, maxRetries: 5 });
  rmSync(pathOf(kept.name), { force: true });
}

/** A process id alone is not enough: it may belong to another program by now. */
function isAlive({ guardianPid, directory }: KeptBroker): boolean {
  const command = commandOf(guardianPid);
  return command.includes(guardianPath) && command.includes(directory);
}

function commandOf(pid: number): string {
  if (process.platform !== "linux") return printedBy("ps", ["-o", "command=", "-p", String(pid)]);
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function pathOf(name: BrokerName): string {
  return join(stateFolder(), `${name}.json`);
}

function stateFolder(): string {
  const user = process.getuid?.() ?? 0;
  const folder =
    process.env["SPILLWAY_BROKERS_STATE"] ?? join(tmpdir(), `spillway-brokers-${user}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Another user could have made it, to have us end processes of his choice.
  if (statSync(folder).uid === user) return folder;
  throw new Error(`${folder} belongs to another user: remove it, or set SPILLWAY_BROKERS_STATE`);
}
