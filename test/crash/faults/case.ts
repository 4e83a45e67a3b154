// One case of the fault suite: faults in a copy of a journal, and what an operator would do about
// them. A journal that says nothing must be whole, and work; one that reports damage is left as it
// is, and works again after its loss was accepted or it was repaired.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { RepairReport } from "../../../src/adapters/embedded/inspection/repair-report.ts";
import { buildRepaired } from "../../../src/adapters/embedded/inspection/salvage/build-repaired.ts";
import { acceptLossOf } from "../../../src/adapters/embedded/journal/accept-loss.ts";
import { inspectJournal } from "../../../src/adapters/embedded/journal/soundness.ts";
import { readTail } from "../../../src/adapters/embedded/journal/tail-file.ts";
import { SpillwayError } from "../../../src/errors/spillway-error.ts";
import { type Random, seededRandom } from "../../../src/kernel/random.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { compareQuiet, compareRepaired, compareWhole, leastOf, tablesOf } from "./compare.ts";
import { hear, type Hearing } from "./hearing.ts";
import { framePlace, pageBytes } from "../../journal/damage.ts";
import { bytesOf, type FileBytes } from "./places.ts";
import { type Fault, type File, plantOne } from "./plant.ts";
import { type Names, namesOf, namesWithin, sameContent } from "./snapshot.ts";
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
    await run.run().catch((error: unknown) => {
      run.violations.push(`it threw: ${error instanceof Error ? error.stack : String(error)}`);
    });
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
  /** Whether the tail does not say any more what it said. */
  readonly #isTailLost: boolean;
  /** Where something else is damaged as well, nobody can know then where a log ended. */
  readonly #isEndUnknown: boolean;
  readonly #random: Random;

  constructor(
    folder: string,
    world: CaseEnvironment["worlds"][number],
    faults: readonly Fault[],
    random: Random,
  ) {
    this.#folder = folder;
    this.#damaged = join(folder, "damaged");
    // A fault in bytes of the tail that nobody uses changes nothing.
    const tails = [world.directory, this.#damaged].map((each) => JSON.stringify(readTail(each)));
    this.#isTailLost = tails[0] !== tails[1];
    const isMore = faults.some(({ file }) => file === "database" || file === "wal");
    this.#isEndUnknown = this.#isTailLost && isMore;
    this.#world = this.#isEndUnknown ? { ...world, ends: new Map() } : world;
    this.#faults = faults;
    this.#random = random;
  }

  async run(): Promise<void> {
    const bytes = bytesOf(this.#damaged);
    const looked = this.#copy("looked");
    const works = this.#random.uint32() % worksEvery === 0;
    const heard = await hear(looked, this.#world, this.#world, false, this.#isEndUnknown);
    this.said = heard.isReported && heard.status === "ok" ? "found" : heard.status;
    const isReplaced = this.#isReplaced();
    if (isReplaced) return this.#hearOther(heard);
    if (!heard.isReported && this.#isGone(heard, bytes)) return;
    this.violations.push(...heard.violations);
    if (!heard.isReported) {
      this.violations.push(...compareQuiet(this.#world, this.#isEndUnknown, heard));
      if (works) await this.#work(looked);
      return;
    }
    if (this.#isOutvoted()) return this.#repairOther(true);
    // Nothing is left but another journal's tail, or nothing that says whose the rest is: the tail
    // alone says how much there was.
    const own = incarnationOf(this.#world.directory);
    const isNameless = !bytes.database.includes(own) && !bytes.wal.includes(own);
    const isTheirs = this.#isBlank(bytes) || (isNameless && bytes.database.length > 0);
    if (this.#isForeign("tail") && isTheirs) {
      return this.#repairOther(false);
    }
    const other = incarnationOf(this.#world.earlier.at(-1) as string);
    // One row of a database says whose it is. Without it nothing can know that it is another's.
    if (this.#isForeign("database") && !bytes.database.includes(other)) {
      return this.#buildOnly();
    }
    const isOpen = heard.status === "ok" || heard.status === "degraded";
    if (!isOpen && !sameFiles(bytes, bytesOf(looked))) {
      this.violations.push("a journal that was found damaged was changed");
    }
    const way = this.#random.uint32() % 3;
    const isAccepted = way !== 0 && (await this.#accept());
    if (way !== 1 || !isAccepted) await this.#repair(bytes);
  }

  /** Whether a file is another journal's; a later fault may have put something else there. */
  #isForeign(of: File): boolean {
    const last = this.#faults.findLast(({ kind, file }) => {
      return file === of && (kind === "stale" || kind === "missing");
    });
    return last?.kind === "stale" && last.text.includes("foreign");
  }

  #isTouched(of: File): boolean {
    return this.#faults.some(({ file }) => file === of);
  }

  /** Whether nothing is left of this journal but, perhaps, its tail: then another one is read. */
  #isReplaced(): boolean {
    const { moment } = this.#world;
    // A young journal has nothing in its database yet, a closed one nothing in its log.
    const isEmpty = moment === "young" || bytesOf(this.#damaged).database.length < 3 * pageBytes;
    if (isEmpty && this.#isForeign("wal")) return true;
    return this.#isForeign("database") && (moment === "closed" || this.#isTouched("wal"));
  }

  /** Whether its files are two journals', and nothing but the tail could tell which is meant. */
  #isOutvoted(): boolean {
    const isOther = this.#isForeign("database") || this.#isForeign("wal");
    return this.#isForeign("database") ? this.#isTailLost : isOther && this.#isForeign("tail");
  }

  /** A young journal's log is all that there is of it, but for its tail. */
  #isBlank({ wal }: FileBytes): boolean {
    if (this.#world.moment !== "young") return false;
    const whole = this.#world.bytes.wal;
    const sizeOf = (frame: number): number => whole.readUInt32BE(framePlace(frame).from + 4);
    let first = 0;
    // The frame that ends a transaction says how large the database is then.
    while (sizeOf(first) === 0) first++;
    return wal.length < framePlace(first).to;
  }

  /** Where neither pages nor a tail are left there is a new journal. */
  #isGone({ status, snapshot }: Hearing, { database, wal }: FileBytes): boolean {
    const isNothingLeft = database.length === 0 && wal.length === 0;
    if ((this.#world.moment !== "young" && !isNothingLeft) || !this.#isEndUnknown) return false;
    return status === "ok" && snapshot?.ends.size === 0;
  }

  /** The other journal is given as it is, and where the tail still says so, not in silence. */
  async #hearOther(heard: Hearing): Promise<void> {
    if (!heard.isReported && !this.#isTailLost) {
      this.violations.push("another journal is read, and nothing says so");
    }
    await this.#hearOneOf(this.#copy("other"), heard, this.#world);
    if (heard.isReported) await this.#repairOther(!this.#isTailLost);
  }

  /** What is read is all of this journal, or all of the other one. */
  async #hearOneOf(directory: string, heard: Hearing, names: Names): Promise<void> {
    const other = { ...this.#world, ...this.#world.other, ends: new Map<number, number>() };
    const again = await hear(directory, other, names, false);
    this.violations.push(...leastOf([() => heard.violations, () => again.violations]));
  }

  /** Repair gives one of the two; `mustSay`: and says so. */
  async #repairOther(mustSay: boolean): Promise<void> {
    const directory = join(this.#folder, "repaired");
    const { noteCounts } = await this.#build(directory);
    const there = new Set(namesOf(directory).channels);
    // Of a database that was cut as well not even the names of channels may be left.
    if (
      noteCounts.channel === undefined &&
      !this.#world.channels.every((name) => there.has(name))
    ) {
      this.violations.push("channels of another journal are gone, and nothing says so");
    }
    const names = namesWithin(this.#world, there);
    this.ways.push("repaired one of two");
    if (mustSay && noteCounts["other-journal"] === undefined) {
      this.violations.push("another journal is repaired, and nothing says so");
    }
    const heard = await hear(directory, this.#world, names, false);
    await this.#hearOneOf(directory, heard, names);
  }

  async #buildOnly(): Promise<void> {
    await this.#build(join(this.#folder, "repaired"));
    this.ways.push("repaired from nobody knows whose");
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
    const heard = await hear(directory, this.#world, this.#world, true, this.#isEndUnknown);
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

  #compareAccepted(names: Names, snapshot: NonNullable<Hearing["snapshot"]>, heard: Hearing): void {
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

  /** Those of the repaired journal, and of groups that may be gone: their services come back. */
  #namesAfter(directory: string, { noteCounts }: RepairReport): Names {
    const names = namesOf(directory);
    if (noteCounts.group === undefined) return names;
    const gone = namesWithin(this.#world, new Set(names.channels)).groups.filter((group) =>
      names.groups.every(({ id, name }) => id !== group.id && name !== group.name),
    );
    return { ...names, groups: [...names.groups, ...gone] };
  }

  async #repair(bytes: FileBytes): Promise<void> {
    const directory = join(this.#folder, "repaired");
    try {
      const report = await this.#build(directory);
      this.ways.push("repaired");
      const tables = tablesOf(directory);
      const heard = await hear(directory, this.#world, this.#namesAfter(directory, report), true);
      const repaired = { tables, report, heard };
      this.violations.push(
        ...compareRepaired(this.#world, this.#world.bytes, bytes, repaired, !this.#isEndUnknown),
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

/** The name of a journal, which one row of its database says. */
function incarnationOf(directory: string): string {
  return readTail(directory).tail?.incarnation ?? "";
}

function sameFiles(left: FileBytes, right: FileBytes): boolean {
  return left.database.equals(right.database) && left.wal.equals(right.wal);
}
