// How many calls ended in a while, how fast, and with how many in flight: gathered tick by tick
// until chance has little say in it. Pure. Knows nothing of what is concluded from it. Always true:
// calls that began before the pool was changed are left out.

/** What is told of one tick. */
export interface CallTick {
  readonly elapsedMs: number;
  /** Calls that ended, how long they took together, and the sum of the squares of that. */
  readonly ended: number;
  readonly endedMs: number;
  readonly squaresMs: number;
  /** Calls in flight: now, and as a mean over the tick. */
  readonly inFlight: number;
  readonly inFlightMean: number;
  /** Whether the pool was used up: messages waited, and nothing else held them. */
  readonly isSaturated: boolean;
}

/** A point that was measured. */
export interface CallPoint {
  readonly inFlight: number;
  readonly latencyMs: number;
  readonly perSecond: number;
  /** The standard error of the latency, as a share of it: how far chance alone may be off. */
  readonly doubt: number;
  /** Whether the pool was used up most of the time. */
  readonly isBusy: boolean;
}

/** What is gathered until it says enough. */
export interface CallSample {
  readonly ms: number;
  readonly ended: number;
  readonly endedMs: number;
  readonly squaresMs: number;
  readonly inFlightMs: number;
  readonly saturatedMs: number;
  /** Calls that are to end first, because they began in another pool. */
  readonly skip: number;
}

/** How sure a sample has to be, and how long it may take. */
export interface CallSampleRules {
  readonly endedMin: number;
  readonly doubtMax: number;
  readonly msMax: number;
}

/** Nothing yet. */
export function emptySample(skip: number): CallSample {
  return { ms: 0, ended: 0, endedMs: 0, squaresMs: 0, inFlightMs: 0, saturatedMs: 0, skip };
}

/** One tick more. */
export function gathered(before: CallSample, tick: CallTick): CallSample {
  if (before.skip > 0) return emptySample(Math.max(0, before.skip - tick.ended));
  return {
    ms: before.ms + tick.elapsedMs,
    ended: before.ended + tick.ended,
    endedMs: before.endedMs + tick.endedMs,
    squaresMs: before.squaresMs + tick.squaresMs,
    inFlightMs: before.inFlightMs + tick.inFlightMean * tick.elapsedMs,
    saturatedMs: before.saturatedMs + (tick.isSaturated ? tick.elapsedMs : 0),
    skip: 0,
  };
}

/** What a sample says; undefined: not enough yet. */
export function pointOf(sample: CallSample, rules: CallSampleRules): CallPoint | undefined {
  const { ms, ended, endedMs, squaresMs, inFlightMs, saturatedMs } = sample;
  const inFlight = ms > 0 ? inFlightMs / ms : 0;
  const isLate = ms >= rules.msMax && ended > 0;
  if (!isLate && ended < Math.max(rules.endedMin, 2 * inFlight)) return undefined;
  const latencyMs = endedMs / ended;
  const variance = Math.max(0, squaresMs / ended - latencyMs * latencyMs);
  const doubt = latencyMs > 0 ? Math.sqrt(variance / ended) / latencyMs : 0;
  if (!isLate && doubt > rules.doubtMax) return undefined;
  const isBusy = saturatedMs > ms / 2;
  // By Little's law, and not ended ÷ ms: calls that end in step would make that jump.
  const perSecond = latencyMs > 0 ? (inFlight * 1_000) / latencyMs : 0;
  return { inFlight, latencyMs, perSecond, doubt, isBusy };
}
