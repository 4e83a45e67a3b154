// Measures one pool between two ticks: what came, what waits, what ran and for how long. Knows
// nothing of decisions. Always true: it allocates nothing per message, and a handler that started
// is counted as running until it settles, whoever gave it up meanwhile.
import type { Clock } from "../../kernel/clock.ts";
import { LatencyWindow } from "./latency-window.ts";
import type { ScalingObservation } from "./scaling-decision.ts";

/** See the head of this file. */
export class PoolMeter {
  inFlight = 0;
  #waiting = 0;
  readonly #clock: Clock;
  #fromMs: number;
  #arrived = 0;
  #ended = 0;
  #endedMs = 0;
  #squaresMs = 0;
  /** Sum of the times at which those that run began. */
  #begunMs = 0;
  /** Handlers × ms of this tick, up to `#changedMs`. */
  #busyMs = 0;
  #changedMs: number;
  readonly #latency: LatencyWindow;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#fromMs = clock.monotonicMs();
    this.#changedMs = this.#fromMs;
    this.#latency = new LatencyWindow(this.#fromMs);
  }

  /** Messages that are here and were not given to a handler. */
  get waiting(): number {
    return Math.max(0, this.#waiting);
  }

  /** Since when it gathers, monotonic ms. */
  get fromMs(): number {
    return this.#fromMs;
  }

  /** Messages came, for the first time or once more. */
  came(count: number): void {
    this.#arrived += count;
    this.#waiting += count;
  }

  /** So many wait no more; below 0: so many wait again. */
  left(count: number): void {
    this.#waiting -= count;
  }

  /** A handler starts; its start, for ended(). */
  started(): number {
    const nowMs = this.#passTo();
    this.inFlight++;
    this.#begunMs += nowMs;
    return nowMs;
  }

  /** A handler settled. */
  ended(startedMs: number): void {
    const nowMs = this.#passTo();
    this.inFlight--;
    this.#begunMs -= startedMs;
    const tookMs = nowMs - startedMs;
    this.#ended++;
    this.#endedMs += tookMs;
    this.#squaresMs += tookMs * tookMs;
  }

  /** From being stored to being handled. */
  tookSince(storedAtMs: number): void {
    this.#latency.record(this.#clock.wallMs() - storedAtMs);
  }

  #passTo(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#busyMs += this.inFlight * (nowMs - this.#changedMs);
    this.#changedMs = nowMs;
    return nowMs;
  }

  /** 99 of 100 messages of the last seconds took no longer. */
  get latencyP99Ms(): number | undefined {
    return this.#latency.within(0.99);
  }

  /** Nothing was looked at for a while: what came since the last tick begins now. */
  rest(): void {
    this.#fromMs = this.#passTo();
    this.#busyMs = 0;
  }

  /** What was measured since the last call; it begins anew. */
  take(limit: number): ScalingObservation {
    const nowMs = this.#passTo();
    const elapsedMs = nowMs - this.#fromMs;
    this.#latency.turn(nowMs);
    const { inFlight } = this;
    const seen = {
      atMs: nowMs,
      elapsedMs,
      limit,
      arrived: this.#arrived,
      waiting: this.waiting,
      inFlight,
      inFlightAgeMs: inFlight === 0 ? 0 : nowMs - this.#begunMs / inFlight,
      inFlightMean: elapsedMs > 0 ? this.#busyMs / elapsedMs : inFlight,
      ended: this.#ended,
      endedMs: this.#endedMs,
      squaresMs: this.#squaresMs,
      latencyP99Ms: this.latencyP99Ms,
    };
    this.#fromMs = nowMs;
    this.#arrived = 0;
    this.#ended = 0;
    this.#endedMs = 0;
    this.#squaresMs = 0;
    this.#busyMs = 0;
    return seen;
  }
}
