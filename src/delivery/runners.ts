// The loops that call handlers: up to `concurrency` of them, each taking the next message when it
// is done with one, so that no timer and no closure is made per message. One timer looks after
// handlers that do not settle. Knows nothing of outcomes. Always true: an abandoned handler's late
// result is ignored; when `concurrency` handlers are abandoned, no further one is called until some
// return.
import type { AsyncLocalStorage } from "node:async_hooks";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import type { HandlerScope } from "./delivery-options.ts";
import type { HandlerRun } from "./handler-run.ts";
import type { StartGate } from "./start-gate.ts";
import type { WindowBatch } from "./window.ts";

/** One loop, and the call it is busy with. */
export interface Runner {
  run: HandlerRun | undefined;
  /** Its handler was given up: the loop ends when it returns. */
  isGone: boolean;
  /** Whether it counts as abandoned until then. */
  isAbandoned: boolean;
}

/** What the loops ask and tell. */
export interface RunnerHost {
  /** Finds the next message that may start; false: there is none. */
  next(): boolean;
  /**
   * Prepares a call and makes it the runner's: for the message found, or once more for that of
   * `before`. Undefined: the message was settled without a call.
   */
  prepare(runner: Runner, before: HandlerRun | undefined): Prepared | Promise<Prepared>;
  /** Calls the handler. */
  call(run: HandlerRun): unknown;
  /** The handler settled; true: its call was in vain and is to be repeated. */
  finish(run: HandlerRun, ended: Ended, reruns: number): boolean | Promise<boolean>;
  /** The handler did not settle in time; true: prepare() is to be asked for another call. */
  timedOut(run: HandlerRun, error: SpillwayError): boolean;
  /** A loop ended: it found nothing to start, or its handler had been abandoned. */
  idle(): void;
  /** Something failed that is no handler's fault. */
  failed(error: unknown): void;
}

/** A call that may be made. */
export type Prepared = HandlerRun | undefined;

/** How a handler call ended. */
export type Ended =
  | { readonly kind: "returned"; readonly result: unknown }
  | { readonly kind: "threw"; readonly error: unknown };

/** What the loops are made of. */
export interface RunnersOptions {
  readonly clock: Clock;
  /** May change; loops beyond it end with the message that they have. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly gate: StartGate | undefined;
  readonly scope: HandlerScope;
  readonly insideHandler: AsyncLocalStorage<HandlerScope>;
}

/** Nothing returned is the usual case: one object serves all. */
const returnedNothing: Ended = { kind: "returned", result: undefined };

/** The handler loops of one subscription. */
export class Runners {
  readonly #options: RunnersOptions;
  readonly #host: RunnerHost;
  readonly #runners = new Set<Runner>();
  /** Handlers that were given up and have not returned. */
  abandoned = 0;
  #cancelSweep: CancelTimer | undefined;
  #stampPlanned = false;

  constructor(options: RunnersOptions, host: RunnerHost) {
    this.#options = options;
    this.#host = host;
  }

  /** Loops that are at work. */
  get active(): number {
    return this.#runners.size;
  }

  /** Whether so many handlers hang that no further one is called. */
  get isJammed(): boolean {
    return this.abandoned > 0 && this.abandoned >= this.#options.concurrency;
  }

  /** Starts loops while there is something to start. */
  pump(): void {
    while (this.#runners.size < this.#options.concurrency && this.#enters()) {
      this.#start(undefined);
    }
  }

  /** Starts a loop; it begins with another call for the message of `before`. */
  #start(before: HandlerRun | undefined): void {
    const runner: Runner = { run: undefined, isGone: false, isAbandoned: false };
    this.#runners.add(runner);
    const { insideHandler, scope } = this.#options;
    void insideHandler.run(scope, () => this.#loop(runner, before));
  }

  /**
   * Aborts the signals of all running handlers. Those that `isLost` names are not waited for: their
   * messages are somebody else's, so that they can neither be settled nor called again here.
   */
  abort(reason: unknown, isLost: (run: HandlerRun) => boolean): void {
    for (const runner of Array.from(this.#runners)) {
      const { run } = runner;
      if (run === undefined) continue;
      run.abort(reason);
      if (!isLost(run)) continue;
      this.#giveUp(runner, run);
      this.#options.gate?.leave();
      run.end();
    }
  }

  /** The call that is made for a message now. */
  runOf(batch: WindowBatch, position: number): HandlerRun | undefined {
    for (const { run } of this.#runners) {
      if (run?.batch === batch && run.position === position) return run;
    }
    return undefined;
  }

  /** Stops the timer. */
  close(): void {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
  }

  /** Whether one more loop may start; then its message is found. */
  #enters(): boolean {
    const { gate } = this.#options;
    if (this.isJammed) return false;
    if (gate === undefined) return this.#host.next();
    if (!gate.enter(this.#runners.size)) return false;
    if (this.#host.next()) return true;
    gate.leave();
    return false;
  }

  /** Whether a loop may go on; then its next message is found. */
  #goesOn(): boolean {
    const { gate } = this.#options;
    if (this.isJammed) return false;
    return (gate === undefined || gate.mayGoOn(this.#runners.size)) && this.#host.next();
  }

  async #loop(runner: Runner, first: HandlerRun | undefined): Promise<void> {
    const host = this.#host;
    let before = first;
    try {
      do {
        if (!this.#stampPlanned) this.#planStamp();
        for (let reruns = 0; ; reruns++) {
          const prepared = host.prepare(runner, before);
          const run = prepared instanceof Promise ? await prepared : prepared;
          if (runner.isGone) return this.#returned(runner);
          if (run === undefined) break;
          let ended: Ended;
          try {
            // In place: a function of its own would cost a promise a message.
            ended = returned(await host.call(run));
          } catch (error) {
            ended = threw(error);
          }
          if (runner.isGone) return this.#returned(runner);
          const finished = host.finish(run, ended, reruns);
          const isInVain = finished instanceof Promise ? await finished : finished;
          if (runner.isGone) return this.#returned(runner);
          if (!isInVain) break;
          before = run;
        }
        runner.run = undefined;
        before = undefined;
      } while (this.#runners.size <= this.#options.concurrency && this.#goesOn());
    } catch (error) {
      host.failed(error);
    }
    this.#runners.delete(runner);
    this.#options.gate?.leave();
    host.idle();
  }

  /** A handler that had been given up has returned: nobody waits for it any more. */
  #returned(runner: Runner): void {
    if (runner.isAbandoned) this.abandoned--;
    this.#host.idle();
  }

  /**
   * Notes the time for handlers that are still running when the turn ends. Most have returned by
   * then, so that the clock is read once a turn instead of once a message.
   */
  #planStamp(): void {
    const { clock, timeoutMs } = this.#options;
    if (timeoutMs === Number.POSITIVE_INFINITY) return;
    this.#stampPlanned = true;
    clock.soon(() => {
      this.#stampPlanned = false;
      const nowMs = clock.monotonicMs();
      for (const { run } of this.#runners) {
        if (run === undefined || run.startedMs !== undefined) continue;
        run.startedMs = nowMs;
        if (this.#cancelSweep === undefined) this.#armSweep(timeoutMs);
      }
    });
  }

  #armSweep(delayMs: number): void {
    const { clock } = this.#options;
    this.#cancelSweep = clock.after(delayMs, () => this.#sweep(), { background: true });
  }

  /** Gives up the handlers whose time is up, and looks again when the next one's could be. */
  #sweep(): void {
    const { clock, timeoutMs } = this.#options;
    this.#cancelSweep = undefined;
    const nowMs = clock.monotonicMs();
    let firstMs = Number.POSITIVE_INFINITY;
    for (const runner of Array.from(this.#runners)) {
      const { run } = runner;
      if (run?.startedMs === undefined || run.isOver) continue;
      if (run.startedMs + timeoutMs <= nowMs) this.#abandon(runner, run);
      else firstMs = Math.min(firstMs, run.startedMs + timeoutMs);
    }
    if (firstMs < Number.POSITIVE_INFINITY) this.#armSweep(firstMs - nowMs);
    this.#host.idle();
  }

  #giveUp(runner: Runner, run: HandlerRun): void {
    this.#runners.delete(runner);
    runner.isGone = true;
    run.isAbandoned = true;
  }

  #abandon(runner: Runner, run: HandlerRun): void {
    this.#giveUp(runner, run);
    runner.isAbandoned = true;
    this.abandoned++;
    const { timeoutMs } = this.#options;
    const error = new SpillwayError(
      "HANDLER_TIMEOUT",
      `the handler did not settle within ${timeoutMs} ms: observe context.signal, or raise ` +
        "timeoutMs",
      { details: { timeoutMs } },
    );
    run.abort(error);
    // The call that takes its place takes its place behind the gate, too.
    if (this.#host.timedOut(run, error)) this.#start(run);
    else this.#options.gate?.leave();
  }
}

function returned(result: unknown): Ended {
  return result === undefined ? returnedNothing : { kind: "returned", result };
}

function threw(error: unknown): Ended {
  return { kind: "threw", error };
}
