// The engine without a thread: the core is called in place and answers with settled promises. For
// simulation and unit tests, where one clock drives everything. Always true: periodic work runs on
// the given clock only, in the background, and ends with close(); nothing is told while the core is
// at work, because who hears a notice may ask at once.
import type { CancelTimer, Clock } from "../../../kernel/clock.ts";
import type { Random } from "../../../kernel/random.ts";
import { JournalCore } from "./core.ts";
import type { CommitStep } from "./writer.ts";
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

/** What a direct engine runs on. */
export interface DirectEngineEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  /** The name by which others know this process; default: none. Nothing listens there. */
  readonly bell?: string;
  /** See Writer. */
  readonly commit?: CommitStep;
}

/** An engine without a thread. Nobody rings for it by himself: what doorbells do is called here. */
export interface DirectEngine extends Engine {
  /** Another process rang: looks at its commits at once. */
  ring(): void;
  /** That bell refuses connections: its process is taken for dead at the next look. */
  peerGone(bell: string): void;
  /** Closes the connection and nothing else, as the system does when the process is killed. */
  abandon(): void;
}

/** Creates an engine whose core runs in the calling thread. */
export function createDirectEngine(environment: DirectEngineEnvironment): DirectEngine {
  return new CoreInPlace(environment);
}

class CoreInPlace implements DirectEngine {
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

  constructor({ clock, random, bell = "", commit }: DirectEngineEnvironment) {
    this.#clock = clock;
    this.#core = new JournalCore({
      clock,
      random,
      bell,
      commit,
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
      this.#worked(this.#core.waitMs());
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

  ring(): void {
    if (this.#ended) return;
    this.#core.poll();
    this.#worked(this.#core.waitMs());
  }

  peerGone(bell: string): void {
    this.#core.peerGone(bell);
  }

  abandon(): void {
    this.#cancelTick();
    this.#core.fail("going on", new Error("the process was killed"));
    this.#stopIfFailed();
    this.#ended = true;
  }

  #schedule(waitMs: number): void {
    this.#cancelTick();
    if (this.#ended) return;
    const delayMs = Math.max(1, Math.min(waitMs, tickMsMax));
    this.#cancelTick = this.#clock.after(delayMs, () => this.#turn(), { background: true });
  }

  #turn(): void {
    this.#ticks++;
    this.#worked(this.#core.tick());
  }

  #worked(waitMs: number): void {
    this.#stopIfFailed();
    this.#schedule(waitMs);
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
