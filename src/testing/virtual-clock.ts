// A clock that stands still until a test moves it. Owns virtual time and its timers; knows nothing
// of messages. Always true: timers fire in order of their due time, then of their setting,
// each after everything that the one before caused has settled; the same calls give the same run.
import { SpillwayError } from "../errors/spillway-error.ts";
import { type CancelTimer, type Clock, systemClock } from "../kernel/clock.ts";

/** Most timers that one advance() fires; more mean a timer that sets itself again for ever. */
export const timersFiredMax = 1_000_000;

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** Where the wall clock starts: 2026-01-01T00:00:00Z. */
const wallStartMsDefault = 1_767_225_600_000;

/**
 * A deterministic Clock for tests. Time passes only in advance(). Actions given to soon() run by
 * themselves at the end of the current turn, because no time has to pass for them.
 *
 * @example
 * import { VirtualClock } from "spillway/testing";
 * const clock = new VirtualClock();
 * clock.after(60_000, () => console.log("a minute later"));
 * await clock.advance(60_000); // a minute later
 */
export class VirtualClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #timers: Timer[] = [];
  #orders = 0;
  #soonWaiting = 0;
  #advancing = false;

  /** Starts at the given wall time, by default 2026-01-01T00:00:00Z; monotonic time starts at 0. */
  constructor(options: { readonly wallMs?: number } = {}) {
    this.#wallOffsetMs = options.wallMs ?? wallStartMsDefault;
  }

  wallMs(): number {
    return Math.floor(this.#wallOffsetMs + this.#monotonicMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Timers that have neither fired nor been cancelled. */
  get timersWaiting(): number {
    return this.#timers.length;
  }

  /** How long until the next timer is due; undefined where none waits. */
  get nextTimerInMs(): number | undefined {
    let dueMs: number | undefined;
    for (const timer of this.#timers) dueMs = Math.min(dueMs ?? timer.dueMs, timer.dueMs);
    return dueMs === undefined ? undefined : Math.max(0, dueMs - this.#monotonicMs);
  }

  after(delayMs: number, action: () => void): CancelTimer {
    const dueMs = this.#monotonicMs + Math.max(0, delayMs);
    const timer: Timer = { dueMs, order: this.#orders++, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  soon(action: () => void): void {
    this.#soonWaiting++;
    systemClock.soon(() => {
      this.#soonWaiting--;
      action();
    });
  }

  /** Moves the wall clock alone, either way, as a correction of the machine's clock would. */
  jumpWall(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs;
  }

  /** Lets everything run that waits for no time: promises, soon() actions, and what they cause. */
  async settle(): Promise<void> {
    do {
      // One turn of the event loop runs every promise reaction that is ready, however deep.
      await new Promise<void>((resolve) => systemClock.soon(resolve));
    } while (this.#soonWaiting > 0);
  }

  /**
   * Lets `durationMs` pass: fires what becomes due, in order, and settles after each timer.
   * One call at a time; rejects with INVALID_ARGUMENT otherwise, and for a negative duration.
   */
  async advance(durationMs: number): Promise<void> {
    if (this.#advancing || !(durationMs >= 0)) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `VirtualClock.advance(${durationMs}): give 0 or more, and await the call before`,
      );
    }
    this.#advancing = true;
    try {
      await this.#run(this.#monotonicMs + durationMs);
    } finally {
      this.#advancing = false;
    }
  }

  async #run(untilMs: number): Promise<void> {
    await this.settle();
    for (let fired = 0; ; fired++) {
      const timer = this.#takeDue(untilMs);
      if (timer === undefined) break;
      if (fired === timersFiredMax) {
        throw new SpillwayError(
          "INVALID_ARGUMENT",
          `VirtualClock: more than ${timersFiredMax} timers fired in one advance(): a timer of ` +
            "delay 0 sets itself again",
        );
      }
      this.#monotonicMs = Math.max(this.#monotonicMs, timer.dueMs);
      timer.action();
      await this.settle();
    }
    this.#monotonicMs = untilMs;
  }

  #takeDue(untilMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > untilMs) continue;
      const earlier = first === undefined || timer.dueMs < first.dueMs;
      if (earlier || (timer.dueMs === first?.dueMs && timer.order < first.order)) first = timer;
    }
    if (first !== undefined) this.#timers.splice(this.#timers.indexOf(first), 1);
    return first;
  }
}
