// The system's clock, but long waits end when a test says so: what waits an hour neither ends by
// itself, however slow the machine is, nor is waited for.
import { type CancelTimer, type Clock, systemClock } from "../../../src/kernel/clock.ts";

/** A wait that ends by skip() alone; one drawn down to half of it does so, too. */
export const longMs = 3_600_000;

/** See the head of this file. */
export class SkippingClock implements Clock {
  readonly #long = new Set<() => void>();
  #aheadMs = 0;

  wallMs(): number {
    return systemClock.wallMs() + this.#aheadMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#aheadMs;
  }

  after(
    delayMs: number,
    action: () => void,
    options?: { readonly background?: boolean },
  ): CancelTimer {
    if (delayMs < longMs / 2) return systemClock.after(delayMs, action, options);
    this.#long.add(action);
    return () => this.#long.delete(action);
  }

  soon(action: () => void): void {
    systemClock.soon(action);
  }

  /** Ends all long waits. */
  skip(): void {
    this.#aheadMs += 2 * longMs;
    const ended = [...this.#long];
    this.#long.clear();
    for (const action of ended) action();
  }
}
