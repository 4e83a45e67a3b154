// The engine without a thread: the core is called in place and answers with settled promises. For
// simulation and unit tests, where one clock drives everything. Always true: periodic work runs on
// the given clock only, in the background, and ends with close(); nothing is told while the core is
// at work, because who hears a notice may ask at once.
import type { CancelTimer, Clock } from "../../../kernel/clock.ts";
import type { Random } from "../../../kernel/random.ts";
import { JournalCore } from "./core.ts";
import {
  type Engine,
  type EngineNotice,
  type EngineRequestKind,
  type EngineRequests,
  type EngineStop,
  interrupted,
} from "./engine.ts";

/** Longest time between two ticks. */
const tickMsMax = 200;

/** Creates an engine whose core runs in the calling thread. */
export function createDirectEngine(environment: {
  readonly clock: Clock;
  readonly random: Random;
}): Engine {
  return new DirectEngine(environment.clock, environment.random);
}

class DirectEngine implements Engine {
  onNotice: (notice: EngineNotice) => void = () => undefined;
  onStopped: (stop: EngineStop) => void = () => undefined;
  readonly #clock: Clock;
  readonly #core: JournalCore;
  readonly #notices: EngineNotice[] = [];
  #telling = false;
  #ended = false;
  #stop: EngineStop | undefined;
  #ticks = 0;
  #cancelTick: CancelTimer = () => undefined;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#core = new JournalCore({
      clock,
      random,
      bell: "",
      onNotice: (notice) => this.#notices.push(notice),
      // The core and main share one event loop: where one turns, the other does.
      progress: () => this.#ticks,
    });
  }

  async request<Kind extends EngineRequestKind>(
    kind: Kind,
    request: EngineRequests[Kind]["request"],
  ): Promise<EngineRequests[Kind]["answer"]> {
    if (this.#stop !== undefined) throw interrupted(this.#stop.error);
    try {
      return this.#core.handle(kind, request);
    } finally {
      if (kind === "close") this.#ended = true;
      this.#stopIfFailed();
      this.#schedule(this.#core.waitMs());
      this.#tell();
    }
  }

  progress(): void {
    // Each tick is main's sign of life already.
  }

  terminate(): Promise<void> {
    this.#ended = true;
    this.#cancelTick();
    this.#core.handle("close", {});
    return Promise.resolve();
  }

  #schedule(waitMs: number): void {
    this.#cancelTick();
    if (this.#ended) return;
    const delayMs = Math.max(1, Math.min(waitMs, tickMsMax));
    this.#cancelTick = this.#clock.after(delayMs, () => this.#turn(), { background: true });
  }

  #turn(): void {
    this.#ticks++;
    const delayMs = this.#core.tick();
    this.#stopIfFailed();
    this.#schedule(delayMs);
    this.#tell();
  }

  #stopIfFailed(): void {
    this.#stop ??= this.#core.stopIfFailed();
    if (this.#stop === undefined || this.#ended) return;
    this.#ended = true;
    this.#notices.length = 0;
    // After the answer of the request that met the failure.
    const stop = this.#stop;
    queueMicrotask(() => this.onStopped(stop));
  }

  #tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (;;) {
        const notice = this.#notices.shift();
        if (notice === undefined) return;
        this.onNotice(notice);
      }
    } finally {
      this.#telling = false;
    }
  }
}
