// What handlers call in a simulation: takes time and does nothing. Owns its queue. Always true:
// with `servers` no more than so many calls are worked on at once, the others wait in order; calls
// that end at the same moment share one timer.
import type { Clock } from "../../kernel/clock.ts";

/** How a simulated downstream behaves. */
export interface DownstreamModel {
  /** How long the work of one call takes; `inFlight` counts this one. */
  readonly workMs: (call: { readonly inFlight: number; readonly atMs: number }) => number;
  /** Calls that are worked on at once. Default: all. */
  readonly servers?: number;
}

/** See the head of this file. */
export class SimulatedDownstream {
  inFlight = 0;
  #working = 0;
  readonly #clock: Clock;
  readonly #model: DownstreamModel;
  /** Those that wait for a server; bounded by the handlers that run. */
  readonly #queue: (() => void)[] = [];
  readonly #ending = new Map<number, (() => void)[]>();

  constructor(clock: Clock, model: DownstreamModel) {
    this.#clock = clock;
    this.#model = model;
  }

  /** One call; resolves when it is answered. */
  async call(): Promise<void> {
    this.inFlight++;
    const { servers = Number.POSITIVE_INFINITY } = this.#model;
    if (this.#working >= servers) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    this.#working++;
    const atMs = this.#clock.monotonicMs();
    await this.#until(atMs + Math.max(0, this.#model.workMs({ inFlight: this.inFlight, atMs })));
    this.#working--;
    this.inFlight--;
    this.#queue.shift()?.();
  }

  #until(dueMs: number): Promise<void> {
    return new Promise((resolve) => {
      const others = this.#ending.get(dueMs);
      if (others !== undefined) {
        others.push(resolve);
        return;
      }
      const all = [resolve];
      this.#ending.set(dueMs, all);
      this.#clock.after(dueMs - this.#clock.monotonicMs(), () => {
        this.#ending.delete(dueMs);
        for (const end of all) end();
      });
    });
  }
}
