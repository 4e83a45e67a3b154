// A pool that scales itself, at work: measures, asks the controller once a tick, and keeps to what
// it says. Owns the timer, the meter and the record of decisions. Always true: with "monitor"
// nothing is changed; a pool that is at rest, with nothing to do, sets no timer; the record is
// bounded by `decisionsMax`.
import { HandlerRun } from "../../delivery/handler-run.ts";
import type { Handler } from "../../delivery/handler-context.ts";
import type { Dispatching } from "../../delivery/dispatching.ts";
import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { controllerStart, type ControllerState, decided, type SizeDecision } from "./controller.ts";
import { observed } from "./forecast.ts";
import { MeteredDispatching } from "./metered-dispatching.ts";
import { PoolMeter } from "./pool-meter.ts";
import type { ScalingDecision } from "./scaling-decision.ts";
import type { ScalingMode, ScalingSettings } from "./scaling-options.ts";

/** Decisions that are kept; the oldest go first. */
export const decisionsMax = 100;

/** How a pool that scales itself stands. */
export interface PoolScaling {
  readonly mode: ScalingMode;
  readonly min: number;
  readonly max: number;
  readonly goalMs: number;
  /** Handlers that may run at once, now. */
  readonly current: number;
  /** Handlers that should run at once; with "monitor" this is not what may. */
  readonly desired: number;
  /** What arrivals and backlog call for, whatever `max` and the downstream say. */
  readonly wanted: number;
  /** Handlers that run now. */
  readonly inFlight: number;
  /** Messages that this process has fetched and that wait for a handler. */
  readonly waiting: number;
  readonly arrivalsPerSecond: number;
  /** How long a handler takes, smoothed; 0 before the first. */
  readonly handlerMs: number;
  /** 99 of 100 messages of the last seconds were handled within so long of being stored. */
  readonly latencyP99Ms: number | undefined;
  /** What the downstream is believed to take, and how long a call takes where nothing queues. */
  readonly downstream: { readonly inFlightMax: number; readonly baseMs: number | undefined };
  /** The last ones, the oldest first. */
  readonly decisions: readonly ScalingDecision[];
}

/** What it works with. */
export interface PoolScalerParts {
  readonly clock: Clock;
  /** Whether nothing is started on purpose, so that nothing is to be learned. */
  readonly isPaused: () => boolean;
  /** So many handlers may run at once from now on. */
  readonly onSize?: ((size: number) => unknown) | undefined;
}

/** See the head of this file. */
export class PoolScaler {
  readonly #parts: PoolScalerParts;
  #settings: ScalingSettings;
  #state: ControllerState;
  readonly #meter: PoolMeter;
  readonly #metered = new Set<MeteredDispatching>();
  #current: number;
  #last: SizeDecision | undefined;
  /** What it would be, with "monitor"; else the same as `#current`. */
  #desired: number;
  readonly #decisions: ScalingDecision[] = [];
  #cancelTick: CancelTimer | undefined;

  constructor(settings: ScalingSettings, parts: PoolScalerParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#state = controllerStart(settings);
    this.#meter = new PoolMeter(parts.clock);
    this.#current = settings.initial;
    this.#desired = settings.initial;
  }

  /** Handlers that may run at once. */
  get current(): number {
    return this.#current;
  }

  /** Other bounds from now on; what was learned is kept. */
  change(settings: ScalingSettings): void {
    const { min, max, mode, initial } = settings;
    const isStill = mode === "monitor" && this.#settings.mode !== "monitor";
    this.#settings = settings;
    this.#current = Math.min(max, Math.max(min, isStill ? initial : this.#current));
    this.#desired = this.#current;
  }

  /** The handler, with its calls measured. */
  metered(handler: Handler): Handler {
    return (message, context) => {
      const startedMs = this.#meter.started();
      let result: unknown;
      try {
        result = handler(message, context);
      } catch (error) {
        this.#meter.ended(startedMs);
        throw error;
      }
      if (!(result instanceof Promise)) {
        this.#ended(startedMs, context);
        return result;
      }
      const done = (): void => this.#ended(startedMs, context);
      return result.finally(done);
    };
  }

  #ended(startedMs: number, context: unknown): void {
    this.#meter.ended(startedMs);
    // A message that failed before has waited for its turn, not for the pool.
    if (!(context instanceof HandlerRun) || context.attempt > 1) return;
    this.#meter.tookSince(context.batch.stored.appendedAtMs);
  }

  /** The dispatcher of a new delivery, with what waits in it measured. */
  around(dispatcher: Dispatching): Dispatching {
    const metered = new MeteredDispatching(dispatcher, {
      meter: this.#meter,
      onWork: () => this.#arm(),
      onClosed: (closed) => {
        this.#metered.delete(closed);
        if (this.#metered.size === 0) this.stop();
      },
    });
    this.#metered.add(metered);
    return metered;
  }

  /** Decides no more, until messages come. */
  stop(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  #arm(): void {
    if (this.#cancelTick !== undefined) return;
    const { clock } = this.#parts;
    const restMs = clock.monotonicMs() - this.#meter.fromMs;
    if (restMs > this.#settings.tickMs) {
      // What came just now is no rate of the time in which nobody looked.
      const forecast = observed(this.#state.forecast, 0, restMs);
      this.#state = { ...this.#state, forecast };
      this.#meter.rest();
    }
    this.#tickLater();
  }

  #tickLater(): void {
    const tick = (): void => this.#tick();
    this.#cancelTick = this.#parts.clock.after(this.#settings.tickMs, tick, { background: true });
  }

  #tick(): void {
    this.#cancelTick = undefined;
    const seen = this.#meter.take(this.#current);
    if (!this.#parts.isPaused()) {
      const { state, decision } = decided(this.#state, seen, this.#settings);
      this.#state = state;
      this.#follow(decision);
    }
    const isWorking = seen.inFlight > 0 || seen.waiting > 0 || seen.arrived > 0;
    const isAtRest = this.#desired === this.#settings.min || this.#parts.isPaused();
    if (isWorking || !isAtRest) this.#tickLater();
  }

  #follow(decision: SizeDecision): void {
    const before = this.#last;
    this.#last = decision;
    this.#desired = decision.to;
    const isSame = before?.to === decision.to && before.reason === decision.reason;
    if (!isSame || decision.from !== decision.to) this.#note(decision);
    if (this.#settings.mode === "monitor" || decision.to === this.#current) return;
    const isMore = decision.to > this.#current;
    this.#current = decision.to;
    this.#parts.onSize?.(this.#current);
    if (isMore) for (const each of this.#metered) each.wake();
  }

  #note({ from, to, wanted, reason, text }: SizeDecision): void {
    const atMs = this.#parts.clock.wallMs();
    const isSeen = this.#settings.mode === "monitor" && this.#decisions.at(-1)?.to === to;
    if (isSeen && this.#decisions.at(-1)?.reason === reason) return;
    this.#decisions.push(Object.freeze({ atMs, from, to, wanted, reason, text }));
    if (this.#decisions.length > decisionsMax) this.#decisions.shift();
  }

  /** How it stands now. */
  get snapshot(): PoolScaling {
    const { mode, min, max, goalMs } = this.#settings;
    const { handlerMs = 0, limiter, forecast } = this.#state;
    return {
      mode,
      min,
      max,
      goalMs,
      current: this.#current,
      desired: this.#desired,
      wanted: this.#last?.wanted ?? 0,
      inFlight: this.#meter.inFlight,
      waiting: this.#meter.waiting,
      arrivalsPerSecond: this.#cancelTick === undefined ? 0 : forecast.perSecond,
      handlerMs,
      latencyP99Ms: this.#meter.latencyP99Ms,
      downstream: { inFlightMax: Math.floor(limiter.ceiling), baseMs: limiter.baseMs },
      decisions: [...this.#decisions],
    };
  }

  /** The pool and its last decision, for people. */
  get text(): string {
    const { mode, min, max } = this.#settings;
    const last = this.#decisions.at(-1);
    const does = mode === "monitor" ? "would scale itself" : "scales itself";
    const why = last === undefined ? "" : `: ${last.text}`;
    return `the pool ${does} between ${min} and ${max}${why}`;
  }
}
