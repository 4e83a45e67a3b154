// The journal's engine as a simulated process sees it: the production core, called in place, with
// the world between each request and its answer, and between a transaction and its commit. Knows
// nothing of faults. Always true: requests are handled and answered in their order; what the engine
// tells arrives only while its process runs; of a process that has ended nothing arrives.
import {
  createDirectEngine,
  type DirectEngine,
} from "../../adapters/embedded/journal/direct-engine.ts";
import type {
  Engine,
  EngineNotice,
  EngineRequestKind,
  EngineRequests,
  EngineStop,
} from "../../adapters/embedded/journal/engine.ts";
import type { CommitStep } from "../../adapters/embedded/journal/writer.ts";
import type { Random } from "../../kernel/random.ts";
import type { ProcessClock } from "./process-clock.ts";

/** What the world does at each step of an engine. */
export interface EngineSteps {
  /** Before a request is handled, and again before its answer is given; undefined: go on. */
  readonly pass: (
    kind: EngineRequestKind,
    phase: "asked" | "answered",
  ) => Promise<void> | undefined;
  readonly commit: CommitStep;
  /** Keys changed their member, or a unit was refused: messages may come again. */
  readonly moved: () => void;
}

/** What a simulated engine runs on. */
export interface SimulatedEngineEnvironment {
  readonly clock: ProcessClock;
  readonly random: Random;
  readonly bell: string;
  readonly steps: EngineSteps;
}

/** See the head of this file. */
export class SimulatedEngine implements Engine {
  readonly #core: DirectEngine;
  readonly #clock: ProcessClock;
  readonly #steps: EngineSteps;
  /** The answer of the request before. */
  #before: Promise<unknown> = Promise.resolve();

  constructor({ clock, random, bell, steps }: SimulatedEngineEnvironment) {
    this.#clock = clock;
    this.#steps = steps;
    this.#core = createDirectEngine({ clock, random, bell, commit: steps.commit });
  }

  set onNotice(tell: (notice: EngineNotice) => void) {
    this.#core.onNotice = (notice) => {
      if (notice.kind === "granted" || notice.kind === "lost") this.#steps.moved();
      this.#arrive(() => tell(notice));
    };
  }

  set onStopped(tell: (stop: EngineStop) => void) {
    this.#core.onStopped = (stop) => this.#arrive(() => tell(stop));
  }

  request<Kind extends EngineRequestKind>(
    kind: Kind,
    request: EngineRequests[Kind]["request"],
  ): Promise<EngineRequests[Kind]["answer"]> {
    const answer = this.#handle(this.#before, kind, request);
    this.#before = answer.catch(() => undefined);
    return answer;
  }

  async #handle<Kind extends EngineRequestKind>(
    before: Promise<unknown>,
    kind: Kind,
    request: EngineRequests[Kind]["request"],
  ): Promise<EngineRequests[Kind]["answer"]> {
    await before;
    await this.#steps.pass(kind, "asked");
    try {
      const answer = await this.#core.request(kind, request);
      if (isRefusing(answer)) this.#steps.moved();
      return answer;
    } catch (error) {
      this.#steps.moved();
      throw error;
    } finally {
      await this.#steps.pass(kind, "answered");
    }
  }

  /** Now, or once the process runs again. */
  #arrive(action: () => void): void {
    const running = this.#clock.running();
    if (running === undefined) action();
    else void running.then(action);
  }

  progress(): void {
    this.#core.progress();
  }

  terminate(): Promise<void> {
    return this.#core.terminate();
  }

  /** Another process rang. */
  ring(): void {
    this.#core.ring();
  }

  /** Nobody answers at that bell. */
  peerGone(bell: string): void {
    this.#core.peerGone(bell);
  }

  /** The process was killed. */
  abandon(): void {
    this.#core.abandon();
  }
}

function isRefusing(answer: EngineRequests[EngineRequestKind]["answer"]): boolean {
  if (answer === null || !("results" in answer)) return false;
  return answer.results.some(({ kind }) => kind !== "committed");
}
