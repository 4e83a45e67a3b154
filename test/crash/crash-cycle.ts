// One crash cycle with real processes: two publishers, three consumers, three groups, four slot
// ranges; at a random moment, while at least 100 messages are unsettled, one to three of them are
// killed with SIGKILL and started again. What must hold afterwards is checked by crash-check.ts.
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Bus } from "spillway";
import type { Random } from "../../src/kernel/random.ts";
import { groups, transfers } from "./fixtures/bank.ts";
import { steadyNowMs } from "./history/history-notes.ts";
import { NoteFiles } from "./history/note-files.ts";

export const publisherNames = ["alpha", "beta"] as const;
export const consumerNames = ["one", "two", "three"] as const;
/** Messages that must be unsettled at the moment of each kill. */
export const unsettledMin = 100;
/** How long the rest of a cycle's messages may take to be settled; then they are stuck. */
const drainMs = Number(process.env["SPILLWAY_CRASH_DRAIN_MS"] ?? 30_000);
const drainPauseMs = 20;

/** How it stood when everybody had stopped. */
export interface CycleEnd {
  /** Whether every group had settled everything. */
  readonly isDrained: boolean;
  /** When the last process was killed or stopped in the way of others. */
  readonly calmAtMs: number;
}

/** What one cycle did. */
export interface CycleReport extends CycleEnd {
  readonly killed: readonly string[];
  readonly unsettledAtKill: number;
}

export interface CrashSite {
  readonly directory: string;
  readonly notes: string;
  /** A bus of the test process itself, used to look. */
  readonly monitor: Bus;
  readonly random: Random;
  readonly acknowledged: AcknowledgedCount;
  /** Processes that run now, to be ended whatever happens. */
  readonly running: Set<ChildProcess>;
}

interface Child {
  readonly name: string;
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;
}

const fixture = (name: string): URL => new URL(`./fixtures/${name}.ts`, import.meta.url);

/** Where a process of this name notes what it did. */
export function notesOf(site: Pick<CrashSite, "notes">, name: string): string {
  return join(site.notes, `${name}.txt`);
}

function start(
  site: CrashSite,
  script: string,
  name: string,
  more: readonly string[],
): Promise<Child> {
  const child = fork(fixture(script), [site.directory, notesOf(site, name), name, ...more], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ended = new Promise<number | null>((resolve) =>
    child.once("exit", (code) => resolve(code)),
  );
  site.running.add(child);
  void ended.then(() => site.running.delete(child));
  return new Promise((resolve, reject) => {
    child.once("message", () => resolve({ name, process: child, ended }));
    void ended.then((code) => reject(new Error(`${script} ${name} ended early with ${code}`)));
  });
}

/** Counts acknowledged publishes over all publishers; reads what is noted only once. */
export class AcknowledgedCount {
  readonly #notes: NoteFiles;
  #count = 0;

  constructor(site: Pick<CrashSite, "notes">) {
    this.#notes = new NoteFiles(publisherNames.map((name) => notesOf(site, name)));
  }

  /** So many so far. */
  now(): number {
    for (const { kind } of this.#notes.events()) if (kind === "ok") this.#count++;
    return this.#count;
  }

  close(): void {
    this.#notes.close();
  }
}

async function unsettled(site: CrashSite): Promise<number> {
  const stats = await site.monitor.stats();
  const channel = stats.channels.find((each) => each.channel === transfers.name);
  if (channel === undefined || channel.groups.length < groups.length) return 0;
  return Math.min(...channel.groups.map((group) => group.depth));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Publishes until `total` messages are acknowledged over all cycles, with kills; then drains. */
export async function runCycle(site: CrashSite, total: number): Promise<CycleReport> {
  const target = [String(Math.ceil(total / publisherNames.length))];
  const launch = (name: string): Promise<Child> =>
    (publisherNames as readonly string[]).includes(name)
      ? start(site, "publisher", name, target)
      : start(site, "consumer", name, []);
  const before = site.acknowledged.now();
  const running = new Map<string, Child>();
  for (const child of await Promise.all([...publisherNames, ...consumerNames].map(launch))) {
    running.set(child.name, child);
  }
  const unsettledAtKill = await waitForUnsettled(site, before);
  const victims = chooseVictims(site.random);
  for (const name of victims) running.get(name)?.process.kill("SIGKILL");
  await allEnded(running, victims);
  for (const child of await Promise.all(victims.map(launch))) running.set(child.name, child);
  for (const name of publisherNames) await running.get(name)?.ended;
  const calmAtMs = steadyNowMs();
  const isDrained = await drained(site);
  for (const name of consumerNames) running.get(name)?.process.send("stop");
  await allEnded(running, consumerNames);
  return { killed: victims, unsettledAtKill, isDrained, calmAtMs };
}

async function allEnded(
  running: ReadonlyMap<string, Child>,
  names: readonly string[],
): Promise<void> {
  for (const name of names) await running.get(name)?.ended;
}

async function waitForUnsettled(site: CrashSite, before: number): Promise<number> {
  const wanted = unsettledMin + (site.random.uint32() % 400);
  for (let attempt = 0; attempt < 2_000; attempt++) {
    const depth = await unsettled(site);
    if (depth >= unsettledMin && site.acknowledged.now() - before >= wanted) return depth;
    await pause(2);
  }
  throw new Error("there were never enough unsettled messages: the kill would prove nothing");
}

function chooseVictims(random: Random): string[] {
  const all = [...publisherNames, ...consumerNames];
  const count = 1 + (random.uint32() % 3);
  const victims: string[] = [];
  for (let index = 0; index < count; index++) {
    victims.push(...all.splice(random.uint32() % all.length, 1));
  }
  return victims;
}

/** Waits until everything is settled; false where that takes too long. */
async function drained(site: CrashSite): Promise<boolean> {
  for (let attempt = 0; attempt < drainMs / drainPauseMs; attempt++) {
    const stats = await site.monitor.stats();
    const channel = stats.channels.find((each) => each.channel === transfers.name);
    if (channel?.groups.every((group) => group.depth === 0) === true) return true;
    await pause(drainPauseMs);
  }
  return false;
}
