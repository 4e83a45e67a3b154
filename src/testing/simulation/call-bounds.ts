// How much of a group may run in one process: handler calls at once, and calls in a time. Owns the
// count of both. Knows nothing of messages. Always true: what is reported exceeds the settings of
// the subscription, whatever faults there are.
import type { ProcessClock } from "./process-clock.ts";
import { type GroupPlan, isContended } from "./scenario.ts";

/** Calls that the rate of a group lets through at once. */
export const burst = 10;
/** A call begins a moment after it took its token: with the next one, now and then. */
const slack = 2;

/** The calls of one subscription, in one life of a process. */
export class CallBounds {
  readonly #plan: GroupPlan;
  readonly #clock: ProcessClock;
  #running = 0;
  #tokens = burst;
  #countedAtMs = Number.NEGATIVE_INFINITY;

  constructor(plan: GroupPlan, clock: ProcessClock) {
    this.#plan = plan;
    this.#clock = clock;
  }

  /** A call begins; what it exceeds. */
  begun(): string | undefined {
    const { concurrency, name } = this.#plan;
    this.#running++;
    if (this.#running > concurrency) {
      return `group ${name}: ${this.#running} calls at once, ${concurrency} are allowed`;
    }
    return this.#judgeRate();
  }

  #judgeRate(): string | undefined {
    const { perSecond, name } = this.#plan;
    if (perSecond === undefined || isContended(this.#plan)) return undefined;
    const nowMs = this.#clock.monotonicMs();
    const newTokens = ((nowMs - this.#countedAtMs) * perSecond) / 1_000;
    this.#tokens = Math.min(burst, this.#tokens + newTokens) - 1;
    this.#countedAtMs = nowMs;
    if (this.#tokens >= -slack) return undefined;
    return `group ${name}: more than ${perSecond} calls a second`;
  }

  /** It ended. */
  ended(): void {
    this.#running--;
  }
}
