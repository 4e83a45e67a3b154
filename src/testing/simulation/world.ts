// The world of a simulated run: virtual time, the directory, the processes and their lives, and the
// steps at which faults strike. Knows nothing of what the processes do. Always true: a fault
// strikes once; a process that was killed is started again a little later; after calm() no fault
// strikes any more.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { delay } from "../../kernel/clock.ts";
import { type Random, seededRandom } from "../../kernel/random.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { makeDirectory, putFiles, takeFiles, tornFiles } from "./crash-image.ts";
import { FaultSchedule } from "./fault-schedule.ts";
import { type Fault, type FaultKind, type StepKind, stepKinds } from "./faults.ts";
import { diskError, isInjected } from "./injected-errors.ts";
import { Recorder } from "./recorder.ts";
import type { Scenario } from "./scenario.ts";
import { SimulatedProcess } from "./simulated-process.ts";
import { Trace } from "./trace.ts";

/** Longest times of the faults that last. */
const lasting = { still: 4_000, slow: 400, overtaken: 150, restart: 1_500, jump: 6 * 3_600_000 };
const journalOptions = (seed: number) => ({
  // Low enough, in one seed of four, to be met again and again.
  walBytesMax: seed % 4 === 0 ? 4_194_304 : 67_108_864,
  cacheBytesMax: 1_048_576,
  // A wall clock that jumps must not make it forget ids.
  dedupeWindowMs: 604_800_000,
  freeBytesMin: 0,
});
/** A doorbell takes so long. */
const bellMs = 2;

/** What a world is made from. */
export interface WorldOptions {
  readonly scenario: Scenario;
  /** Where its directories are made and removed. */
  readonly root: string;
  readonly keepsTrace: boolean;
  /** Starts a life's work; rejects where it cannot. */
  readonly start: (process: SimulatedProcess) => Promise<void>;
}

/** See the head of this file. */
export class World {
  readonly clock = new VirtualClock();
  readonly trace: Trace;
  readonly recorder: Recorder;
  readonly faults: FaultSchedule;
  readonly scenario: Scenario;
  readonly random: Random;
  /** The life of now of each process; undefined while it is down. */
  readonly processes: (SimulatedProcess | undefined)[] = [];
  readonly #options: WorldOptions;
  readonly #overtaken = new Map<SimulatedProcess, () => void>();
  readonly #rung = new Set<SimulatedProcess>();
  readonly #wallOffsets: number[] = [];
  #directory: string;
  #images = 0;
  #lives = 0;

  constructor(options: WorldOptions) {
    const { scenario, root } = options;
    this.#options = options;
    this.scenario = scenario;
    this.random = seededRandom(Math.imul(scenario.seed + 7, 0x85ebca6b));
    this.faults = new FaultSchedule(scenario.faults);
    this.trace = new Trace(options.keepsTrace);
    this.recorder = new Recorder(this.trace, () => this.nowMs);
    this.#directory = join(root, "image-0");
    makeDirectory(this.#directory);
  }

  /** In virtual milliseconds since the beginning. */
  get nowMs(): number {
    return this.clock.monotonicMs();
  }

  /** Whether every process is up and runs. */
  get isWhole(): boolean {
    return this.processes.every((each) => each?.bus !== undefined && !each.clock.isStill);
  }

  /** Starts every process. */
  begin(): void {
    for (let number = 0; number < this.scenario.processes; number++) {
      this.processes.push(undefined);
      this.#wallOffsets.push(0);
      this.#restart(number, 0);
    }
  }

  /**
   * No fault strikes from now on, and all clocks agree. Where one was wrong, it is so late then
   * that everything is due that was planned by it, and processes begin anew with that time.
   */
  calm(): void {
    this.faults.end();
    this.recorder.note({ kind: "calm", atMs: this.nowMs });
    if (!this.faults.struck.has("jump")) return;
    this.#wallOffsets.fill((this.faults.struck.get("jump") ?? 0) * 2 * lasting.jump);
    for (const process of this.processes) {
      if (process === undefined) continue;
      this.#end(process, false);
      this.#restart(process.number, 10);
    }
  }

  #restart(number: number, afterMs: number): void {
    this.clock.after(afterMs, () => {
      const process = this.#live(number);
      this.processes[number] = process;
      this.#options.start(process).catch((error: unknown) => {
        if (process.hasEnded) return;
        this.trace.note(`${process.name} cannot start: ${String(error)}`);
        this.assertInjected(error, `${process.name} cannot start`);
        this.#end(process, false);
        this.#restart(number, 200);
      });
    });
  }

  #live(number: number): SimulatedProcess {
    const { seed, leaseMs } = this.scenario;
    const life = ++this.#lives;
    const process: SimulatedProcess = new SimulatedProcess({
      number,
      life,
      seed,
      world: this.clock,
      wallOffsetMs: this.#wallOffsets[number] ?? 0,
      journal: { ...journalOptions(seed), directory: this.#directory, leaseMs },
      steps: {
        pass: (kind, phase) => this.#request(process, kind, phase),
        commit: (commit) => this.#commit(process, commit),
        moved: () => this.recorder.moved(),
      },
    });
    this.trace.note(`${process.name} begins at ${this.nowMs}`);
    return process;
  }

  #request(
    process: SimulatedProcess,
    kind: string,
    phase: "asked" | "answered",
  ): Promise<void> | undefined {
    const step = stepKinds.find((each) => each === kind);
    // The answer is a step like its request, but only a process that stops can be hit there.
    if (step === undefined || phase === "answered") return process.clock.running();
    return this.pass(process, step);
  }

  /** A process comes to a step. Undefined: it goes on at once. Never resolves where it ended. */
  pass(process: SimulatedProcess, step: StepKind): Promise<void> | undefined {
    const waiting = this.#arrive(process, step);
    return waiting?.then(() => process.clock.running()) ?? process.clock.running();
  }

  #arrive(process: SimulatedProcess, step: StepKind): Promise<void> | undefined {
    if (process.hasEnded) return undefined;
    this.#overtake(process);
    const fault = this.faults.at(step, this.nowMs);
    this.trace.note(`${process.name} ${step} ${this.nowMs}${fault ? ` ${fault.kind}` : ""}`);
    return fault && this.#strike(fault, process);
  }

  #overtake(process: SimulatedProcess): void {
    for (const [other, release] of this.#overtaken) {
      if (other === process) continue;
      this.#overtaken.delete(other);
      release();
    }
  }

  #strike({ kind, amount }: Fault, process: SimulatedProcess): Promise<void> | undefined {
    if (kind === "slow") return delay(process.clock, Math.floor(amount * lasting.slow));
    if (kind === "reorder") {
      return new Promise((resolve) => {
        this.#overtaken.set(process, resolve);
        process.clock.after(lasting.overtaken, resolve);
      });
    }
    if (kind === "crash") this.#crash(process, amount);
    else if (kind === "power-cut") this.#cutPower(undefined, amount);
    else this.#disturb(kind, process, amount);
    return undefined;
  }

  /** What goes by without stopping the step. */
  #disturb(kind: FaultKind, process: SimulatedProcess, amount: number): void {
    if (kind === "freeze" || kind === "stall") {
      process.clock.stop(kind === "freeze" ? "frozen" : "stalled");
      this.clock.after(Math.floor(20 + amount * lasting.still), () => process.clock.goOn());
    } else if (kind === "jump") {
      const jumpMs = Math.floor((amount - 0.5) * 2 * lasting.jump);
      this.#wallOffsets[process.number] = process.clock.wallOffsetMs + jumpMs;
      process.clock.jumpWall(jumpMs);
    } else if (kind === "suspect") {
      const other = this.processes.find((each) => each !== process && each?.bus !== undefined);
      other?.clock.soon(() => other.suspect(process.bell));
    }
  }

  /** A transaction of this process is about to be committed. */
  #commit(process: SimulatedProcess, commit: () => void): void {
    if (process.hasEnded) throw diskError(10, "the process was killed");
    const fault = this.faults.at("commit", this.nowMs);
    this.trace.note(`${process.name} commit ${this.nowMs}${fault ? ` ${fault.kind}` : ""}`);
    if (fault === undefined) commit();
    else this.#commitWith(fault, process, commit);
    this.#ringOthers(process);
  }

  #commitWith({ kind, amount }: Fault, process: SimulatedProcess, commit: () => void): void {
    if (kind === "power-cut") {
      this.#cutPower({ process, commit }, amount);
      throw diskError(10, "the power was cut");
    }
    if (kind === "disk-full") throw diskError(13, "database or disk is full");
    if (kind !== "crash" && kind !== "disk-fails") {
      this.#disturb(kind, process, amount);
      return commit();
    }
    if (amount >= 0.5) commit();
    if (kind === "crash") this.#crash(process, amount, true);
    throw diskError(10, "disk I/O error");
  }

  #ringOthers(process: SimulatedProcess): void {
    if (!this.scenario.rings) return;
    for (const other of this.processes) {
      if (other === undefined || other === process || this.#rung.has(other)) continue;
      this.#rung.add(other);
      other.clock.after(bellMs, () => {
        this.#rung.delete(other);
        this.#ring(other);
      });
    }
  }

  #ring(process: SimulatedProcess): void {
    if (process.bus === undefined || process.hasEnded) return;
    const fault = this.faults.at("ring", this.nowMs);
    if (fault === undefined) return process.ring();
    this.trace.note(`${process.name} ring ${fault.kind}`);
    if (fault.kind === "drop") return;
    void this.#strike(fault, process)?.then(() => process.ring());
  }

  /** One process is killed; where it was the last one, that is as if all of them were. */
  #crash(process: SimulatedProcess, amount: number, isCommitting = false): void {
    const others = this.processes.filter((each) => each !== process && each !== undefined);
    if (others.length === 0) return this.#cutPower(undefined, amount, isCommitting);
    this.#end(process, isCommitting);
    const afterMs = Math.floor(amount * lasting.restart);
    this.#restart(process.number, afterMs);
    // A killed process answers at no doorbell; but that is not always noticed.
    if (!this.scenario.rings || this.random.float() < 0.3) return;
    const other = others[0];
    other?.clock.after(bellMs, () => other.suspect(process.bell));
  }

  /** All are killed; what a commit was writing is torn off. */
  #cutPower(
    torn: { readonly process: SimulatedProcess; readonly commit: () => void } | undefined,
    amount: number,
    isCommitting = false,
  ): void {
    const directory = join(this.#options.root, `image-${++this.#images}`);
    const before = takeFiles(this.#directory);
    if (torn === undefined) putFiles(directory, before);
    else {
      torn.commit();
      putFiles(directory, tornFiles(before, takeFiles(this.#directory), amount));
    }
    const old = this.#directory;
    this.#directory = directory;
    for (const process of this.processes) {
      if (process === undefined) continue;
      this.#end(process, isCommitting || torn?.process === process);
      this.#restart(process.number, Math.floor(amount * lasting.restart) + process.number * 20);
    }
    this.clock.after(1, () => rmSync(old, { recursive: true, force: true }));
  }

  #end(process: SimulatedProcess, isCommitting: boolean): void {
    this.trace.note(`${process.name} ends at ${this.nowMs}`);
    this.recorder.crashed(process.name);
    this.processes[process.number] = undefined;
    this.#rung.delete(process);
    process.end(isCommitting);
  }

  /** Notes a failure that no fault explains; false for one. */
  assertInjected(error: unknown, what: string): boolean {
    if (isInjected(error)) return true;
    const told = error instanceof Error ? error.stack : String(error);
    this.recorder.trouble(`${what}: ${told}`);
    return false;
  }
}
