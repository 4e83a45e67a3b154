// What goes wrong in a run, and when: by the clock, at random moments drawn from the seed, and at
// the press of a key. It decides; what it decides is done by others. Always true: whatever is
// wrong with the bank is over when end() returns.
import { atDeadline, type CancelTimer, type Clock, delay } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";
import type { DemoEvent } from "../stage/demo-event.ts";
import { slowFactor } from "./capacity.ts";
import type { BankMood } from "./outside/bank.ts";
import { type ServiceProcess, serviceProcesses } from "./side.ts";

/** Shares of a run: of 40 seconds, the bank is slow from 15 to 30, and a process dies at 25. */
const slowFromShare = 0.375;
const killShare = 0.625;
const slowUntilShare = 0.75;
/** How long customers flood the shop after the press of a key. */
const floodMs = 5_000;
/** How many times more customers come in a flood. */
const floodTimes = 5;
/** Most random kills of a run. */
export const killsMax = 100;

/** Keys that make something go wrong. */
export type FaultKey = "kill" | "dead" | "slow" | "flood" | "calm";

/** What is decided with, and who is told. */
export interface FaultOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly mood: BankMood;
  readonly durationMs: number;
  /** Whether the bank slows down by the clock. */
  readonly slow: boolean;
  /** Whether a process is killed by the clock. */
  readonly crash: boolean;
  /** Processes that are killed at random moments besides. */
  readonly kills: number;
  /** Kills on both sides; resolves when the process runs again. Must not reject. */
  readonly crashProcess: (process: ServiceProcess) => Promise<void>;
  /** Whether handler calls fail and are late on purpose, until that is ended. */
  readonly chaos: boolean;
  /** Ends that. */
  readonly calm: () => void;
  readonly tell: (event: DemoEvent) => void;
}

interface PlannedFault {
  readonly atMs: number;
  run(): void;
}

/** The faults of one run. */
export class Faults {
  /** How much busier than usual the shop is. */
  floodFactor = 1;
  readonly #options: FaultOptions;
  #cancelFlood: CancelTimer | undefined;
  readonly #crashes = new Set<Promise<void>>();
  #isOver = false;
  #isChaos: boolean;

  constructor(options: FaultOptions) {
    this.#options = options;
    this.#isChaos = options.chaos;
  }

  /** Lets happen what is planned; resolves when nothing is left of it, or when the signal fires. */
  async runPlan(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    for (const fault of this.#plan()) {
      const waitMs = startMs + fault.atMs - clock.monotonicMs();
      if (waitMs > 0) await delay(clock, waitMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      fault.run();
    }
  }

  /** Does what a key stands for. */
  press(key: FaultKey): void {
    if (this.#isOver) return;
    if (key === "kill") this.#kill(this.#anyProcess());
    else if (key === "slow") this.#setSlow(!this.#options.mood.slow);
    else if (key === "dead") this.#setDead(!this.#options.mood.dead);
    else if (key === "calm") this.#calm();
    else this.#flood();
  }

  /** Ends whatever is wrong; resolves when every killed process runs again. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#cancelFlood?.();
    if (this.floodFactor > 1) this.#setFlood(false);
    this.#setDead(false);
    this.#setSlow(false);
    while (this.#crashes.size > 0) await Promise.all(this.#crashes);
  }

  #plan(): readonly PlannedFault[] {
    const { durationMs, slow, crash, kills, random } = this.#options;
    const plan: PlannedFault[] = [];
    if (slow) {
      plan.push({ atMs: durationMs * slowFromShare, run: () => this.#setSlow(true) });
      plan.push({ atMs: durationMs * slowUntilShare, run: () => this.#setSlow(false) });
    }
    const payment = serviceProcesses.find(({ service }) => service === "payment");
    if (crash && payment !== undefined) {
      plan.push({ atMs: durationMs * killShare, run: () => this.#kill(payment) });
    }
    for (let count = 0; count < kills; count++) {
      const process = this.#anyProcess();
      plan.push({ atMs: durationMs * random.float(), run: () => this.#kill(process) });
    }
    return plan.sort((left, right) => left.atMs - right.atMs);
  }

  #anyProcess(): ServiceProcess {
    const at = Math.floor(this.#options.random.float() * serviceProcesses.length);
    return serviceProcesses[at] as ServiceProcess;
  }

  #kill(process: ServiceProcess): void {
    if (this.#isOver) return;
    const crash = this.#options.crashProcess(process).finally(() => this.#crashes.delete(crash));
    this.#crashes.add(crash);
  }

  #setSlow(on: boolean): void {
    const { mood, tell } = this.#options;
    if (mood.slow === on) return;
    mood.slow = on;
    if (on) tell({ mood: "bad", text: `the bank takes ${slowFactor} times as long` });
    else tell({ mood: "good", text: "the bank is as fast as ever" });
  }

  #setDead(on: boolean): void {
    const { mood, tell } = this.#options;
    if (mood.dead === on) return;
    mood.dead = on;
    if (on) tell({ mood: "bad", text: "the bank is dead: it answers 503" });
    else tell({ mood: "good", text: "the bank is back" });
  }

  #calm(): void {
    if (!this.#isChaos) return;
    this.#isChaos = false;
    this.#options.calm();
    this.#options.tell({ mood: "good", text: "chaos has ended: handlers are left in peace" });
  }

  #setFlood(on: boolean): void {
    this.floodFactor = on ? floodTimes : 1;
    const { tell } = this.#options;
    if (on) tell({ mood: "bad", text: `${floodTimes} times as many customers come` });
    else tell({ mood: "good", text: "the flood is over" });
  }

  /** A flood ends by itself; asked for again, it lasts longer. */
  #flood(): void {
    const { clock } = this.#options;
    this.#cancelFlood?.();
    if (this.floodFactor === 1) this.#setFlood(true);
    const end = (): void => this.#setFlood(false);
    this.#cancelFlood = atDeadline(clock, clock.monotonicMs() + floodMs, end);
  }
}
