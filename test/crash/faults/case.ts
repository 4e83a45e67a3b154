// One case of the fault suite: faults in a copy of a journal, and what an operator would do about
// them. A journal that says nothing must be whole, and work; one that reports damage is left as it
// is, and works again after its loss was accepted or it was repaired.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildRepaired } from "../../../src/adapters/embedded/inspection/salvage/build-repaired.ts";
import { acceptLossOf } from "../../../src/adapters/embedded/journal/accept-loss.ts";
import { inspectJournal } from "../../../src/adapters/embedded/journal/soundness.ts";
import { SpillwayError } from "../../../src/errors/spillway-error.ts";
import { type Random, seededRandom } from "../../../src/kernel/random.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { compareQuiet, compareRepaired, compareWhole, leastOf, tablesOf } from "./compare.ts";
import { hear } from "./hearing.ts";
import { bytesOf, type FileBytes } from "./places.ts";
import { type Fault, type File, plantOne } from "./plant.ts";
import { type Names, namesOf, sameContent } from "./snapshot.ts";
import type { World } from "./world.ts";

/** What became of one case. */
export interface CaseResult {
  readonly number: number;
  readonly moment: string;
  readonly faults: readonly Fault[];
  /** "exact", "degraded", "failed" or "refused": what the journal said of itself. */
  readonly said: string;
  /** Every way out that was taken: "repaired", "accepted". */
  readonly ways: readonly string[];
  readonly violations: readonly string[];
}

/** What a case may use: the worlds with their bytes, and a folder of its own. */
export interface CaseEnvironment {
  readonly root: string;
  readonly worlds: readonly (World & { readonly bytes: FileBytes })[];
}

/** One in so many journals that say nothing is worked on as well. */
const worksEvery = 6;

/** Runs the case of that number; the same seed and number give the same case. */
export async function runCase(
  { root, worlds }: CaseEnvironment,
  seed: number,
  number: number,
): Promise<CaseResult> {
  const random = seededRandom(seed * 1_000_003 + number);
  const world = worlds[random.uint32() % worlds.length] as CaseEnvironment["worlds"][number];
  const folder = join(root, `case-${number}`);
  const damaged = join(folder, "damaged");
  try {
    cpSync(world.directory, damaged, { recursive: true });
    const faults = plantSome(world, damaged, random);
    const run = new CaseRun(folder, world, faults, random);
    await run.run();
    return {
      number,
      moment: world.moment,
      faults,
      said: run.said,
      ways: run.ways,
      violations: run.violations,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Two in five cases have two faults. */
function plantSome(world: World, directory: string, random: Random): Fault[] {
  const count = random.uint32() % 5 < 2 ? 2 : 1;
  return Array.from({ length: count }, () => plantOne(world, directory, random));
}

class CaseRun {
  said = "";
  readonly ways: string[] = [];
  readonly violations: string[] = [];
  readonly #folder: string;
  readonly #damaged: string;
  readonly #world: CaseEnvironment["worlds"][number];
  readonly #faults: readonly Fault[];
  readonly #random: Random;

  constructor(
    folder: string,
    world: CaseEnvironment["worlds"][number],
    faults: readonly Fault[],
    random: Random,
  ) {
    this.#folder = folder;
    this.#damaged = join(folder, "damaged");
    // Where a log ended nobody knows without the tail.
    this.#world = isTailTouched(faults) ? { ...world, ends: new Map() } : world;
    this.#faults = faults;
    this.#random = random;
  }

  async run(): Promise<void> {
    const bytes = bytesOf(this.#damaged);
    const looked = this.#copy("looked");
    const works = this.#random.uint32() % worksEvery === 0;
    const heard = await hear(looked, this.#world, this.#world, false);
    this.said = heard.isReported && heard.status === "ok" ? "found" : heard.status;
    const isReplaced = this.#isReplaced();
    if (!heard.isReported && (isReplaced || this.#isGone())) return;
    if (!isReplaced) this.violations.push(...heard.violations);
    if (!heard.isReported) {
      this.violations.push(...compareQuiet(this.#world, this.#faults, heard));
      if (works) await this.#work(looked);
      return;
    }
    const isOpen = heard.status === "ok" || heard.status === "degraded";
    if (!isOpen && !sameFiles(bytes, bytesOf(looked))) {
      this.violations.push("a journal that was found damaged was changed");
    }
    if (isReplaced) return this.#repairOther();
    const way = this.#random.uint32() % 3;
    const isAccepted = way !== 0 && (await this.#accept());
    if (way !== 1 || !isAccepted) await this.#repair(bytes);
  }

  /** Whether nothing is left of this journal but, perhaps, its tail. */
  #isReplaced(): boolean {
    const { moment } = this.#world;
    const isForeign = (of: File): boolean =>
      this.#faults.some(({ kind, file, text }) => {
        return kind === "stale" && file === of && text.includes("foreign");
      });
    // A young journal has nothing in its database yet, a closed one nothing in its log.
    if (moment === "young") return isForeign("wal");
    const hasLog = moment !== "closed" && this.#faults.every(({ file }) => file !== "wal");
    // Of two journals' files only the tail says which is meant.
    return isForeign("database") && (!hasLog || isTailTouched(this.#faults));
  }

  /** A young journal's log and tail are all that there is of it: without them there is nothing. */
  #isGone(): boolean {
    const touched = new Set(this.#faults.map(({ file }) => file));
    return this.#world.moment === "young" && touched.has("wal") && touched.has("tail");
  }

  /** Then repair says that it is another journal's. */
  async #repairOther(): Promise<void> {
    const directory = join(this.#folder, "repaired");
    const { noteCounts } = await this.#build(directory);
    if (noteCounts["other-journal"] === undefined && !isTailTouched(this.#faults)) {
      this.violations.push("another journal is repaired, and nothing says so");
    }
  }

  #build(directory: string): ReturnType<typeof buildRepaired> {
    return buildRepaired(
      { from: this.#damaged, to: directory },
      {
        clock: this.#clock(),
        random: this.#random,
        signal: new AbortController().signal,
        report: () => undefined,
      },
    );
  }

  /** The operator's clock goes with the journal's. */
  #clock(): VirtualClock {
    return new VirtualClock({ wallMs: this.#world.wallMs });
  }

  #copy(name: string): string {
    const to = join(this.#folder, name);
    cpSync(this.#damaged, to, { recursive: true });
    return to;
  }

  /** Goes on with a journal that said nothing. */
  async #work(directory: string): Promise<void> {
    const heard = await hear(directory, this.#world, this.#world, true);
    this.violations.push(...heard.violations.map((text) => `working: ${text}`));
    this.violations.push(...heard.reports.map((text) => `working: ${text}`));
  }

  /** Where nothing but the end is missing, the journal goes on as what it was at that commit. */
  async #accept(): Promise<boolean> {
    const directory = this.#copy("accepted");
    const clock = this.#clock();
    const options = { clock, durability: "fsync", busyTimeoutMs: 100 } as const;
    try {
      const found = inspectJournal(directory, options);
      if (found.kind !== "damaged" || !found.damage.isLoss) return false;
      acceptLossOf(directory, found.damage, { ...options, random: this.#random });
    } catch (error) {
      if (!(error instanceof SpillwayError)) this.violations.push(`accepting: ${String(error)}`);
      return false;
    }
    this.ways.push("accepted");
    const names = namesOf(directory);
    const heard = await hear(directory, this.#world, names, true);
    const { snapshot } = heard;
    this.violations.push(...heard.violations.map((text) => `accepted: ${text}`));
    // What is wrong inside shows when it is read; then the journal says so.
    if (heard.isReported) return false;
    if (snapshot === undefined) this.violations.push("accepted: unreadable");
    else this.#compareAccepted(names, snapshot, heard);
    return true;
  }

  #compareAccepted(
    names: Names,
    snapshot: NonNullable<Awaited<ReturnType<typeof hear>>["snapshot"]>,
    heard: Awaited<ReturnType<typeof hear>>,
  ): void {
    // The ends were moved behind what is lost.
    const commits = this.#world.history.filter((commit) =>
      sameContent({ ...commit, ends: snapshot.ends }, snapshot),
    );
    const problems =
      commits.length === 0
        ? ["it is what it was at no commit"]
        : leastOf(commits.map((commit) => () => compareWhole(this.#world, names, commit, heard)));
    this.violations.push(...problems.map((text) => `accepted: ${text}`));
  }

  async #repair(bytes: FileBytes): Promise<void> {
    const directory = join(this.#folder, "repaired");
    try {
      const report = await this.#build(directory);
      this.ways.push("repaired");
      const tables = tablesOf(directory);
      const heard = await hear(directory, this.#world, namesOf(directory), true);
      const repaired = { tables, report, heard };
      this.violations.push(
        ...compareRepaired(
          this.#world,
          this.#world.bytes,
          bytes,
          repaired,
          this.#faults.length === 1 || !isTailTouched(this.#faults),
        ),
      );
    } catch (error) {
      const isNothingLeft =
        error instanceof SpillwayError &&
        error.code === "JOURNAL_FORMAT" &&
        bytes.database.length === 0;
      if (isNothingLeft) return void this.ways.push("nothing left");
      const text = error instanceof Error ? error.stack : String(error);
      this.violations.push(`repair failed: ${text}`);
    }
  }
}

function isTailTouched(faults: readonly Fault[]): boolean {
  return faults.some(({ file }) => file === "tail");
}

function sameFiles(left: FileBytes, right: FileBytes): boolean {
  return left.database.equals(right.database) && left.wal.equals(right.wal);
}
