// Cuts the power again and again: several processes work on a journal on a disk of its own; at a
// random moment the disk is copied as it is, without what only the page cache holds, and the copy
// is checked by a process that starts there, while the others go on. Two kinds of disk take turns:
// one that keeps all that was written to it, and one whose cache loses some (volatile-disk.ts).
// Runs in a process of its own, inside its own mount namespace; reports each cut to its parent.
import { type ChildProcess, fork } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { type HistoryEvent, seededRandom } from "spillway/testing";
import type { Random } from "../../src/kernel/random.ts";
import type { CheckResult } from "./crash-check.ts";
import { AcknowledgedCount, consumerNames, notesOf, publisherNames } from "./crash-cycle.ts";
import { notedIn } from "./history/note-files.ts";
import { isRecording } from "./fixtures/bank.ts";
import { freeze, LoopDisk, standsStill, thaw } from "./loop-disk.ts";
import { VolatileDisk } from "./volatile-disk.ts";

/** What to do; given as JSON on the command line. */
export interface PowerPlan {
  readonly folder: string;
  readonly seed: number;
  readonly cuts: number;
  /** After so many cuts everything starts anew on an empty disk. */
  readonly cutsPerDisk: number;
  /** Whether every other disk has a volatile cache. */
  readonly volatile: boolean;
}

/** What one cut came to. */
export interface CutReport extends CheckResult {
  /** Milliseconds since the last cut was checked, or since there was something on a new disk. */
  readonly afterMs: number;
  /** Publishes that were acknowledged, and called, when the power went. */
  readonly acknowledgedAtCut: number;
  readonly triedAtCut: number;
  readonly handledAtCut: number;
  readonly retried: number;
  /** Writes that a volatile disk had in its cache, and how many of them the cut left. */
  readonly unflushed: number;
  readonly kept: number;
}

/** What the process that checks a cut disk reports. */
export type CheckedCut = CheckResult & { readonly retried: number };

const diskMebibytes = 192;
const checkMs = 90_000;
/** Between two publishes of one of the 200 callers in each publisher. */
const publishPauseMs = 600;
/**
 * With more messages than that the others rest while a cut is checked: a slow machine would write
 * more meanwhile than the next check can read in its time.
 */
const goOnMax = 20_000;
const cutAttemptsMax = 50;
const cutRetryMs = 20;
const markerText = "written";

interface Member {
  readonly name: string;
  readonly process: ChildProcess;
}

class PoweredDisk {
  readonly disk: LoopDisk | VolatileDisk;
  readonly notes: string;
  readonly #folder: string;
  readonly #random: Random;
  readonly #members = new Map<string, Member>();
  #cuts = 0;

  private constructor(folder: string, disk: LoopDisk | VolatileDisk, random: Random) {
    this.#folder = folder;
    this.#random = random;
    this.notes = join(folder, "notes");
    mkdirSync(this.notes);
    this.disk = disk;
    for (const name of [...publisherNames, ...consumerNames]) this.#launch(name);
  }

  static async create(folder: string, volatile: boolean, random: Random): Promise<PoweredDisk> {
    mkdirSync(folder, { recursive: true });
    const disk = volatile
      ? await VolatileDisk.create(folder, "disk", diskMebibytes)
      : LoopDisk.create(folder, "disk", diskMebibytes);
    return new PoweredDisk(folder, disk, random);
  }

  get #journal(): string {
    return join(this.disk.point, "journal");
  }

  #launch(name: string): void {
    const publishes = (publisherNames as readonly string[]).includes(name);
    const more = publishes ? ["Infinity", `${publishPauseMs}`] : [];
    const script = new URL(
      `./fixtures/${publishes ? "publisher" : "consumer"}.ts`,
      import.meta.url,
    );
    const words = [this.#journal, notesOf(this, name), name, ...more];
    this.#members.set(name, {
      name,
      process: fork(script, words, { stdio: ["ignore", "inherit", "inherit", "ipc"] }),
    });
  }

  /** Lets them work for a while, cuts, and checks the copy while they go on. */
  async cut(): Promise<CutReport> {
    // Every other disk is first cut while its journal is being made, the others later.
    if (this.#cuts === 0 && this.#random.uint32() % 2 === 0) await this.#journalMade();
    else if (this.#cuts === 0) await this.#firstAcknowledged();
    const afterMs = this.#random.uint32() % (this.#cuts === 0 ? 100 : 1_000);
    await pause(afterMs);
    const name = `cut-${++this.#cuts}`;
    const notes = join(this.#folder, `${name}-notes`);
    const marker = this.#mark(name);
    const pids = [...this.#members.values()].map(({ process }) => process.pid ?? 0);
    const died = [...this.#members.values()].filter(({ process }) => process.exitCode !== null);
    if (died.length > 0) throw new Error(`${died.map((each) => each.name).join()} ended early`);
    const { copy, unflushed, kept } = await this.#copyDisk(pids, name, notes);
    if (this.#random.uint32() % 4 === 0) await this.#killOne();
    const atCut = {
      afterMs,
      acknowledgedAtCut: countOf(notes, publisherNames, ({ kind }) => kind === "ok"),
      triedAtCut: countOf(notes, publisherNames, ({ kind }) => kind === "invoke"),
      handledAtCut: countOf(notes, consumerNames, isRecorded),
      unflushed,
      kept,
    };
    assertShowsLoss(copy, marker);
    const isMuch = atCut.acknowledgedAtCut > goOnMax;
    const others = [...this.#members.values()].map(({ process }) => process.pid ?? 0);
    if (isMuch) await freeze(others);
    const checked = await check(join(copy.point, "journal"), notes);
    if (isMuch) thaw(others);
    copy.remove();
    rmSync(notes, { recursive: true });
    return { ...atCut, ...checked };
  }

  async #copyDisk(
    pids: readonly number[],
    name: string,
    notes: string,
  ): Promise<{ readonly copy: LoopDisk; readonly unflushed: number; readonly kept: number }> {
    if (this.disk instanceof LoopDisk) {
      const copy = await this.#copyAtRest(this.disk, pids, name, notes);
      thaw(pids);
      return { copy, unflushed: 0, kept: 0 };
    }
    const when = { seed: this.#random.uint32(), afterRequests: this.#random.uint32() % 16 };
    const { unflushed, kept } = await this.disk.cut(this.#folder, name, when);
    cpSync(this.notes, notes, { recursive: true });
    this.disk.resume();
    return { copy: LoopDisk.mount(this.#folder, name), unflushed, kept };
  }

  /** Notes and disk of one moment; again where the machine or somebody else stirred meanwhile. */
  async #copyAtRest(
    disk: LoopDisk,
    pids: readonly number[],
    name: string,
    notes: string,
  ): Promise<LoopDisk> {
    for (let attempt = 1; attempt <= cutAttemptsMax; attempt++) {
      await freeze(pids);
      rmSync(notes, { recursive: true, force: true });
      cpSync(this.notes, notes, { recursive: true });
      const copy = disk.cut(this.#folder, name);
      if (copy !== undefined && pids.every(standsStill)) return copy;
      copy?.remove();
      await pause(cutRetryMs);
    }
    throw new Error(`${disk.image} never comes to rest`);
  }

  async #journalMade(): Promise<void> {
    while (!existsSync(this.#journal)) await pause(1);
  }

  async #firstAcknowledged(): Promise<void> {
    const acknowledged = new AcknowledgedCount(this);
    while (acknowledged.now() === 0) await pause(5);
    acknowledged.close();
  }

  /** One file that is synced and one that is not: the cut must take the second one. */
  #mark(name: string): string {
    for (const kind of ["synced", "unsynced"]) {
      const file = openSync(join(this.disk.point, `${name}-${kind}`), "w");
      writeSync(file, markerText);
      if (kind === "synced") fsyncSync(file);
      closeSync(file);
    }
    return name;
  }

  /** A process that dies while the others go on: the next cut may hit its take-over. */
  async #killOne(): Promise<void> {
    const members = [...this.#members.values()];
    const victim = members[this.#random.uint32() % members.length];
    if (victim === undefined) return;
    await end(victim.process);
    this.#launch(victim.name);
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#members.values()].map((member) => end(member.process)));
    await this.disk.remove();
  }
}

function countOf(
  notes: string,
  names: readonly string[],
  isCounted: (event: HistoryEvent) => boolean,
): number {
  let count = 0;
  for (const event of notedIn(...names.map((name) => notesOf({ notes }, name)))) {
    if (isCounted(event)) count++;
  }
  return count;
}

function isRecorded(event: HistoryEvent): boolean {
  return event.kind === "delivery" && isRecording(event.group);
}

/** Without this, copies that show everything would pass for a journal that loses nothing. */
function assertShowsLoss(copy: LoopDisk, marker: string): void {
  // The name of the file that was not synced may be there: a sync of any file commits names.
  const content = (kind: string): string => {
    const path = join(copy.point, `${marker}-${kind}`);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  };
  if (content("synced") !== markerText) throw new Error("the copy lacks what was synced");
  if (content("unsynced") === markerText) throw new Error("the copy has what was not synced");
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

/** The verdict of a process that opens the journal on the copy; it may not wait for ever. */
async function check(directory: string, notes: string): Promise<CheckedCut> {
  const script = new URL("./fixtures/power-checker.ts", import.meta.url);
  const child = fork(script, [directory, notes], {
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const limit = setTimeout(() => child.kill("SIGKILL"), checkMs);
  let result: CheckedCut | undefined;
  child.once("message", (message: CheckedCut) => (result = message));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(limit);
  if (result !== undefined) return result;
  const nothing = { stored: 0, acknowledged: 0, redelivered: 0, retried: 0 };
  const why = code === null ? `stuck for ${checkMs} ms` : `ended with ${code}`;
  return { ...nothing, violations: [`the restart ${why}: ${errors.slice(-2_000)}`] };
}

async function run(plan: PowerPlan): Promise<void> {
  const random = seededRandom(plan.seed);
  let disk: PoweredDisk | undefined;
  for (let cut = 0; cut < plan.cuts; cut++) {
    if (cut % plan.cutsPerDisk === 0) {
      await disk?.remove();
      const folder = join(plan.folder, `run-${cut}`);
      const volatile = plan.volatile && (cut / plan.cutsPerDisk) % 2 === 1;
      disk = await PoweredDisk.create(folder, volatile, random);
    }
    const report = await disk?.cut();
    if (report === undefined) continue;
    process.send?.(report);
    if (report.violations.length > 0) break;
  }
  await disk?.remove();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  // Killed children must not outlive this process in the namespace's mounts.
  process.on("disconnect", () => process.exit());
  await run(JSON.parse(process.argv[2] ?? "{}") as PowerPlan);
  process.disconnect?.();
}
