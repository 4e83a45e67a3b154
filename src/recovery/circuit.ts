// One circuit breaker: counts failures, opens, probes, and lets concurrency grow back. Knows
// nothing of messages or policies. Always true: while it is open nothing may start; after that one
// call may run, then as many more as calls have gone well.
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import type { PauseOptions } from "./actions.ts";

/** How a circuit stands. */
export interface CircuitStatus {
  /** "open": nothing is called. "half-open": at most `limit` at a time. "closed": all is well. */
  readonly state: "open" | "half-open" | "closed";
  /** Handlers that may run at once; 0 while it is open. */
  readonly limit: number;
  /** Until the next probe, in ms; only while it is open. */
  readonly probeInMs: number | undefined;
  /** Since when it has not been closed, wall ms; undefined while it is, or never opened. */
  readonly sinceAtMs: number | undefined;
}

/** What a circuit is made of. */
export interface CircuitParts {
  readonly options: Required<PauseOptions>;
  readonly clock: Clock;
  readonly random: Random;
  /** The limit at which it is closed. */
  readonly concurrency: number;
  /** The limit has changed. */
  onChange(status: CircuitStatus): void;
}

/** Doublings after which the wait is the longest for sure. */
const doublingsMax = 52;

/** It begins half open: whatever happened before, one call comes first. */
export class Circuit {
  readonly #parts: CircuitParts;
  #state: CircuitStatus["state"] = "half-open";
  #limit = 1;
  /** Calls that went well since the limit changed. */
  #wentWell = 0;
  /** Times it opened since it was last closed. */
  #opened = 0;
  /** When failures happened, while it is closed; at most `failures`. */
  #failedAtMs: number[] = [];
  #probeAtMs = 0;
  #sinceAtMs: number | undefined;
  #cancelTimer: CancelTimer | undefined;

  constructor(parts: CircuitParts) {
    this.#parts = parts;
  }

  /** Handlers that may run at once. */
  get limit(): number {
    return this.#limit;
  }

  get status(): CircuitStatus {
    const isOpen = this.#state === "open";
    const waitMs = this.#probeAtMs - this.#parts.clock.monotonicMs();
    const probeInMs = isOpen ? Math.max(0, Math.round(waitMs)) : undefined;
    return { state: this.#state, limit: this.#limit, probeInMs, sinceAtMs: this.#sinceAtMs };
  }

  /** A call failed by its rule; gives the wait before the message may be tried again, in ms. */
  failed(): number {
    if (this.#state === "open") return 0;
    if (this.#state === "half-open") {
      this.#open();
      return 0;
    }
    const { failures, windowMs, probeAfterMs } = this.#parts.options;
    const nowMs = this.#parts.clock.monotonicMs();
    this.#failedAtMs.push(nowMs);
    if (this.#failedAtMs.length > failures) this.#failedAtMs.shift();
    const isFull = this.#failedAtMs.length === failures;
    if (!isFull || nowMs - (this.#failedAtMs[0] as number) > windowMs) return probeAfterMs;
    this.#open();
    return 0;
  }

  /** A call went well. */
  succeeded(): void {
    if (this.#state !== "half-open" || ++this.#wentWell < this.#limit) return;
    this.#wentWell = 0;
    this.#limit *= 2;
    if (this.#limit >= this.#parts.concurrency) this.#close();
    this.#parts.onChange(this.status);
  }

  /** The timer runs on where it was stopped. */
  start(): void {
    if (this.#state === "open" && this.#cancelTimer === undefined) this.#arm();
  }

  /** Stops the timer. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #open(): void {
    const { clock, random, options } = this.#parts;
    this.#state = "open";
    this.#sinceAtMs ??= clock.wallMs();
    this.#limit = 0;
    this.#wentWell = 0;
    this.#failedAtMs = [];
    const doublings = Math.min(this.#opened++, doublingsMax);
    const ceiling = Math.min(options.probeMsMax, options.probeAfterMs * 2 ** doublings);
    this.#probeAtMs = clock.monotonicMs() + ceiling * (0.5 + random.float() / 2);
    this.#arm();
    this.#parts.onChange(this.status);
  }

  #arm(): void {
    const { clock } = this.#parts;
    const waitMs = Math.max(0, this.#probeAtMs - clock.monotonicMs());
    this.#cancelTimer = clock.after(waitMs, () => this.#probe(), { background: true });
  }

  #probe(): void {
    this.#cancelTimer = undefined;
    this.#state = "half-open";
    this.#limit = 1;
    this.#parts.onChange(this.status);
  }

  #close(): void {
    this.#state = "closed";
    this.#sinceAtMs = undefined;
    this.#limit = Number.POSITIVE_INFINITY;
    this.#opened = 0;
  }
}
