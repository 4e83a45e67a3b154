// One broker of one recipe, from its directory to its end. Owns the order of steps: write files,
// set up, start, wait until ready. Knows no particular broker. Always true: calls take turns; when
// one rejects while starting, no process of the broker runs.
import { chownSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { systemClock } from "../../kernel/clock.ts";
import { type Random, systemRandom } from "../../kernel/random.ts";
import type { ResolvedBrokerOptions } from "./broker-options.ts";
import { freePorts, isFree } from "./free-ports.ts";
import { Guardian } from "./guardian/guardian.ts";
import { ask, isListening } from "./probe.ts";
import type { Found, Recipe, ServerPlan, Site } from "./recipe.ts";

/** What a broker does at the moment; "ended": it went by itself, or was killed from outside. */
export type BrokerState = "starting" | "running" | "frozen" | "stopped" | "ended" | "closed";

const lookMs = 20;
const answerMsMax = 2_000;
/** How many lines of its own words an error repeats. */
const logLinesShown = 20;
/** How many of them are looked at for it. */
const logLinesRead = 200;
const logCharactersRead = 40_000;

/** What is known once a recipe was found to be runnable. */
export type Runnable = Extract<Found, { plan: unknown }>;

/** What makes a broker beside its options. */
export interface BrokerParts {
  readonly name: string;
  readonly recipe: Recipe;
  readonly found: Runnable;
  readonly random?: Random;
}

/** See the head of this file. */
export class LocalBroker {
  readonly #parts: BrokerParts;
  readonly #options: ResolvedBrokerOptions;
  readonly #site: Site;
  readonly #plan: ServerPlan;
  readonly #guardian: Guardian;
  #state: BrokerState = "stopped";
  #version: string;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(parts: BrokerParts, options: ResolvedBrokerOptions, ports: Site["ports"]) {
    this.#parts = parts;
    this.#options = options;
    const directory = mkdtempSync(join(options.parentDirectory, `spillway-${parts.name}-`));
    this.#site = { directory, ports, config: options.config };
    this.#plan = parts.found.plan(this.#site);
    this.#version = parts.found.version ?? "unknown";
    this.#guardian = new Guardian({ directory, leaveSignal: parts.recipe.leaveSignal });
  }

  /** Makes its directory, sets it up and starts it; resolves when it answers. */
  static async start(parts: BrokerParts, options: ResolvedBrokerOptions): Promise<LocalBroker> {
    const [port, ...others] = await freePorts(parts.recipe.portCount, parts.random ?? systemRandom);
    const broker = new LocalBroker(parts, options, [options.port ?? port ?? 0, ...others]);
    try {
      await broker.#inTurn(async () => {
        broker.#writeFiles();
        await broker.#assertPortsFree();
        await broker.#setUp();
        await broker.#startPrograms();
      });
      return broker;
    } catch (error) {
      await broker.close();
      throw error;
    }
  }

  get directory(): string {
    return this.#site.directory;
  }

  get port(): number {
    return this.#site.ports[0];
  }

  get url(): string {
    return this.#parts.recipe.urlOf(this.port);
  }

  get version(): string {
    return this.#version;
  }

  get pids(): readonly number[] {
    return this.#guardian.pids;
  }

  /** The process that holds this broker's programs. */
  get guardianPid(): number {
    return this.#guardian.pid;
  }

  get state(): BrokerState {
    const isUp = this.#state === "running" || this.#state === "frozen";
    return isUp && this.#endedProgram() !== undefined ? "ended" : this.#state;
  }

  stop(): Promise<void> {
    const { stopTimeoutMs: limitMs } = this.#options;
    return this.#inTurn(async () => {
      await this.#guardian.order({ kind: "stop", limitMs });
      this.#state = "stopped";
    });
  }

  kill(): Promise<void> {
    return this.#inTurn(() => this.#killPrograms());
  }

  freeze(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#guardian.order({ kind: "freeze" });
      if (this.#state === "running") this.#state = "frozen";
    });
  }

  thaw(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#guardian.order({ kind: "thaw" });
      if (this.#state === "frozen") this.#state = "running";
    });
  }

  restart(): Promise<void> {
    const { stopTimeoutMs: limitMs } = this.#options;
    return this.#inTurn(async () => {
      await this.#guardian.order({ kind: "stop", limitMs });
      await this.#assertPortsFree();
      await this.#startPrograms();
    });
  }

  async close(): Promise<void> {
    this.#state = "closed";
    await this.#guardian.leave();
  }

  /** Lets go of it: it runs on without this process until its guardian gets SIGTERM. */
  letGo(): Promise<void> {
    return this.#inTurn(() => this.#guardian.stay());
  }

  /** The last lines that its programs wrote. */
  logTail(linesMax = logLinesShown): readonly string[] {
    const { setUp, programs } = this.#plan;
    return [...setUp, ...programs].flatMap(({ name }) => this.#logOf(name, linesMax));
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(() => {
      if (this.#state !== "closed") return work();
      throw new SpillwayError("CLOSED", `the broker ${this.#parts.name} is closed`);
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #writeFiles(): void {
    const { owner, files } = this.#plan;
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.directory, name);
      writeFileSync(path, text);
      if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
    }
    if (owner !== undefined) chownSync(this.directory, owner.uid, owner.gid);
  }

  async #assertPortsFree(): Promise<void> {
    for (const port of this.#site.ports) {
      if (await isFree(port)) continue;
      const remedy =
        port === this.#options.port ? "end it, or leave `port` out to get a free one" : "end it";
      throw this.#failed(`another process listens on port ${port}: ${remedy}`, { port });
    }
  }

  async #setUp(): Promise<void> {
    const endsAt = systemClock.monotonicMs() + this.#options.readyTimeoutMs;
    for (const program of this.#plan.setUp) {
      await this.#guardian.start(program);
      while (this.#guardian.endingOf(program.name) === undefined) await this.#look(endsAt);
      const { code, how } = this.#guardian.endingOf(program.name) ?? { code: 0, how: "" };
      if (code !== 0) throw this.#failedIn(program.name, `${program.name} ended ${how}`);
    }
  }

  async #startPrograms(): Promise<void> {
    this.#state = "starting";
    this.#guardian.forgetEndings();
    const endsAt = systemClock.monotonicMs() + this.#options.readyTimeoutMs;
    try {
      for (const { listensOn, ...program } of this.#plan.programs) {
        await this.#guardian.start(program);
        while (listensOn !== undefined && !(await isListening(listensOn, answerMsMax))) {
          await this.#look(endsAt);
        }
      }
      for (;;) {
        const readiness = await ask(this.port, this.#parts.recipe.probe, answerMsMax);
        await this.#look(endsAt);
        if (readiness === undefined) continue;
        this.#version = readiness.version ?? this.#version;
        this.#state = "running";
        return;
      }
    } catch (error) {
      await this.#killPrograms().catch(() => undefined);
      throw error;
    }
  }

  /** Waits a moment; throws when time is up, or when a server that should run has ended. */
  async #look(endsAt: number): Promise<void> {
    const ended = this.#state === "starting" ? this.#endedProgram() : undefined;
    if (ended !== undefined) {
      const how = this.#guardian.endingOf(ended)?.how ?? "";
      throw this.#failedIn(ended, `${ended} ended ${how} before it was ready`);
    }
    if (systemClock.monotonicMs() > endsAt) {
      const limit = `within readyTimeoutMs (${this.#options.readyTimeoutMs})`;
      throw this.#failed(`it was not ready ${limit}${this.#words(this.logTail(logLinesRead))}`);
    }
    await new Promise<void>((resolve) => void systemClock.after(lookMs, resolve));
  }

  #endedProgram(): string | undefined {
    return this.#plan.programs.find(({ name }) => this.#guardian.endingOf(name) !== undefined)
      ?.name;
  }

  async #killPrograms(): Promise<void> {
    await this.#guardian.order({ kind: "kill" });
    this.#state = "stopped";
  }

  #logOf(name: string, linesMax: number): readonly string[] {
    try {
      const text = readFileSync(join(this.directory, "log", `${name}.log`), "utf8");
      return text.slice(-logCharactersRead).trimEnd().split("\n").slice(-linesMax);
    } catch {
      // It has not been started.
      return [];
    }
  }

  #failedIn(program: string, what: string): SpillwayError {
    return this.#failed(`${what}${this.#words(this.#logOf(program, logLinesRead))}`);
  }

  #words(lines: readonly string[]): string {
    const { noise } = this.#parts.recipe;
    const said = lines.filter((line) => line.trim() !== "" && noise?.test(line) !== true);
    if (said.length === 0) return "; it said nothing";
    const shown = said.slice(-logLinesShown).map((line) => `\n  | ${line.trimEnd()}`);
    return `; its last lines:${shown.join("")}`;
  }

  #failed(what: string, details: Readonly<Record<string, unknown>> = {}): SpillwayError {
    const { name, recipe } = this.#parts;
    return new SpillwayError("BROKER_FAILED", `${recipe.title}: ${what}`, {
      details: { broker: name, ...details },
    });
  }
}
