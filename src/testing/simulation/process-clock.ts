// The clock of one simulated process, a view of the world's: it can stand still, be wrong about the
// wall time, and end. Owns what waits while its process is frozen. Knows nothing of messages.
// Always true: nothing of a process runs while it is frozen, and never again once it has ended;
// its monotonic time never goes back.
import type { CancelTimer, Clock } from "../../kernel/clock.ts";

/** A frozen process is stopped: its time goes on. A stalled one is suspended with its machine. */
export type Stillness = "frozen" | "stalled";

/** See the head of this file. */
export class ProcessClock implements Clock {
  /** Since when it runs without a stop, in the world's time. */
  runsSinceMs: number;
  readonly #world: Clock;
  /** What would have run, in order; undefined while the process runs. */
  #held: (() => void)[] | undefined;
  #stalledSinceMs: number | undefined;
  #stalledMs = 0;
  #wallOffsetMs: number;
  #hasEnded = false;

  constructor(world: Clock, wallOffsetMs = 0) {
    this.#world = world;
    this.runsSinceMs = world.monotonicMs();
    this.#wallOffsetMs = wallOffsetMs;
  }

  wallMs(): number {
    return this.#world.wallMs() + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return (this.#stalledSinceMs ?? this.#world.monotonicMs()) - this.#stalledMs;
  }

  after(delayMs: number, action: () => void): CancelTimer {
    if (this.#hasEnded) return () => undefined;
    let seenMs = this.#stalledMs;
    let isCancelled = false;
    let cancel: CancelTimer = () => undefined;
    const fire = (): void => {
      if (isCancelled) return;
      // The machine was suspended meanwhile.
      const earlyMs = this.#stalledMs - seenMs;
      seenMs = this.#stalledMs;
      if (earlyMs > 0) cancel = this.#world.after(earlyMs, () => this.#run(fire));
      else action();
    };
    // As Node's timers do: whole milliseconds, one at the least.
    const wholeMs = Math.max(1, Math.trunc(delayMs));
    cancel = this.#world.after(wholeMs, () => this.#run(fire));
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  soon(action: () => void): void {
    this.#world.soon(() => this.#run(action));
  }

  /** Runs `action` now, or once the process runs again. */
  #run(action: () => void): void {
    if (this.#hasEnded) return;
    if (this.#held === undefined) action();
    else this.#held.push(action);
  }

  /** Whether everything of the process waits. */
  get isStill(): boolean {
    return this.#held !== undefined;
  }

  /** By how much its wall clock is wrong, in milliseconds. */
  get wallOffsetMs(): number {
    return this.#wallOffsetMs;
  }

  /** Moves its wall clock alone. */
  jumpWall(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs;
  }

  /** Nothing runs until goOn(). */
  stop(stillness: Stillness): void {
    this.#held ??= [];
    if (stillness === "stalled") this.#stalledSinceMs ??= this.#world.monotonicMs();
  }

  /** Everything that waits runs, each in a turn of its own, in order; then what comes after. */
  goOn(): void {
    if (this.#stalledSinceMs !== undefined) {
      this.#stalledMs += this.#world.monotonicMs() - this.#stalledSinceMs;
      this.#stalledSinceMs = undefined;
    }
    this.#world.soon(() => this.#next());
  }

  #next(): void {
    const action = this.#held?.shift();
    if (action === undefined) {
      this.#held = undefined;
      this.runsSinceMs = this.#world.monotonicMs();
      return;
    }
    action();
    this.#world.soon(() => this.#next());
  }

  /** Resolves once the process runs; never where it has ended. Undefined: it runs now. */
  running(): Promise<void> | undefined {
    if (this.#hasEnded) return new Promise(() => undefined);
    if (this.#held === undefined) return undefined;
    return new Promise((resolve) => this.#run(resolve));
  }

  /** The process is dead: no timer of it fires any more. */
  end(): void {
    this.#hasEnded = true;
    this.#held = undefined;
  }
}
