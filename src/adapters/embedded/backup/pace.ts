// Keeps a backup from slowing down those who publish: after each piece of work it rests, as long
// as others write. Always true: it rests less and less while it does not catch up with them, so
// that it comes to an end; between two pieces the event loop always gets its turn.
import { type Clock, delay } from "../../../kernel/clock.ts";
import { abortedError } from "../task/child-task.ts";

/** Rest for each millisecond of work, at first. */
export const restShareFirst = 2;
/** Below this share there is no rest any more. */
const restShareMin = 0.1;
/** Longest rest after one piece. */
const restMsMax = 500;

/** See the head of this file. */
export class Pace {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #busy: () => boolean;
  #share: number = restShareFirst;
  #startedAtMs: number;

  /** `busy` says whether others wrote since it was last asked. */
  constructor(clock: Clock, signal: AbortSignal, busy: () => boolean) {
    this.#clock = clock;
    this.#signal = signal;
    this.#busy = busy;
    this.#startedAtMs = clock.monotonicMs();
  }

  /** Whether it still rests while others write. */
  get rests(): boolean {
    return this.#share > 0;
  }

  /** Called after each piece of work. Throws ABORTED once the work is to stop. */
  async pieceDone(): Promise<void> {
    const workMs = this.#clock.monotonicMs() - this.#startedAtMs;
    const restMs = this.#busy() ? Math.min(restMsMax, workMs * this.#share) : 0;
    if (restMs > 0) await delay(this.#clock, restMs, this.#signal).catch(() => undefined);
    else await new Promise<void>((resolve) => this.#clock.soon(resolve));
    if (this.#signal.aborted) throw abortedError();
    this.#startedAtMs = this.#clock.monotonicMs();
  }

  /** Others write faster than the work goes on: rests less from now on. */
  hurry(): void {
    this.#share = this.#share / 2 < restShareMin ? 0 : this.#share / 2;
  }
}
