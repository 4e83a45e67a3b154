// How many calls a downstream of unknown capacity can take: a ceiling for the pool, found from how
// long calls take and how many get done. Pure: state and one tick in, state out. Knows nothing of
// queues or goals. Always true: the ceiling is at least `min` and at most `max`; it grows only
// after calls have ended in good time.
//
// Sources: TCP Vegas (Brakmo and Peterson 1995: the base delay against the delay now tells what
// queues on the way) and Netflix concurrency-limits (Gradient2Limit: the next limit is the calls in
// flight × tolerance × base ÷ latency, never below a half, plus a share of the limit's square root
// to probe with; VegasLimit: slow start). Different here: the base is put to the test. Where fewer
// calls are not faster, they are slow by themselves, and nothing was queueing; now and then fewer
// are tried, and where they get as much done, it stays so.
import {
  type CallPoint,
  type CallSample,
  type CallTick,
  emptySample,
  gathered,
  pointOf,
} from "./call-sample.ts";

/** What it remembers. */
export interface LimiterState {
  readonly ceiling: number;
  /** How long a call takes where nothing queues; undefined: not known yet. */
  readonly baseMs: number | undefined;
  /** Doubles instead of creeping: nothing has been too slow since. */
  readonly isSlowStart: boolean;
  readonly sample: CallSample;
  /** Where the present row of slow samples began. */
  readonly slowFrom: CallPoint | undefined;
  /** The sample before, where the pool was used up. */
  readonly before: CallPoint | undefined;
  /** More calls made it slower: no more than so many, for so long. */
  readonly steppedBack: { readonly most: number; readonly leftMs: number } | undefined;
  /** How long the next step back lasts. */
  readonly stepBackMs: number;
  /** Samples in a row that were slow with nothing left to take away. */
  readonly slowAtMin: number;
  /** Samples in a row for which the ceiling held the pool down. */
  readonly bound: number;
  /** Fewer, or more, are being tried; what there was before. */
  readonly trial: CallPoint | undefined;
  /** A size was found by trials, and holds while calls take about so long. */
  readonly tuned: { readonly latencyMs: number; readonly next: "fewer" | "more" } | undefined;
}

/** What a tick led to, where that is worth a word. */
export type LimiterEvent =
  | { readonly kind: "slower"; readonly latencyMs: number; readonly baseMs: number }
  | { readonly kind: "rebased"; readonly latencyMs: number; readonly baseMs: number }
  /** A trial: fewer get as much done, each was needed, more get more done, or they do not. */
  | {
      readonly kind: "fewer-will-do" | "all-needed" | "more-help" | "more-do-not-help";
      readonly from: CallPoint;
      readonly to: CallPoint;
    }
  | { readonly kind: "stepped-back"; readonly from: CallPoint; readonly to: CallPoint };

/** Between which sizes. */
export interface LimiterBounds {
  readonly min: number;
  readonly max: number;
}

/** A state, and what was done. */
export interface LimiterOutcome {
  readonly state: LimiterState;
  readonly event: LimiterEvent | undefined;
}

/** Latency over base at which calls count as queueing downstream. */
export const tolerance = 1.4;
/** How sure a sample has to be; of a trial, whose effect is small, surer. */
const usual = { endedMin: 20, doubtMax: 0.1, msMax: 2_000 } as const;
const ofTrial = { endedMin: 50, doubtMax: 0.05, msMax: 5_000 } as const;
/** How many standard errors are more than chance. */
const sigmas = 2;
/** Square roots of the limit by which it grows. */
const probing = 0.5;
/** A loss of throughput that counts, for so much more in flight. */
const loss = { share: 0.05, growth: 1.1 } as const;
/** How long a step back lasts: doubled by each one that follows. */
const stepBackMs = { first: 10_000, max: 300_000 } as const;
/** Slow samples at the lower bound after which slow is what it is. */
const slowAtMinMax = 5;
/** After so many samples at the ceiling others are tried: these shares. */
const trialAfter = 10;
const trialShares = { fewer: 0.85, more: 1.15 } as const;
/** A pool so small that one call is a larger part of it than this is left as it is. */
const trialStepMax = 0.2;
/** What more calls must get done to be worth it, as a part of their share. */
const worth = 0.3;
/** By this factor calls are slower, or faster, than a size was found for. */
const tunedFactor = 1.5;
/** So many fewer calls tell whether they are slow by themselves. */
const fewerMax = 0.6;

/** Nothing was measured. It may try twice `initial` at once, and goes on from there. */
export function limiterStart(initial: number, max: number): LimiterState {
  return {
    ceiling: Math.min(max, Math.max(4, 2 * initial)),
    baseMs: undefined,
    isSlowStart: true,
    sample: emptySample(0),
    slowFrom: undefined,
    before: undefined,
    steppedBack: undefined,
    stepBackMs: stepBackMs.first,
    slowAtMin: 0,
    bound: 0,
    trial: undefined,
    tuned: undefined,
  };
}

/** One tick on. */
export function limited(
  before: LimiterState,
  tick: CallTick,
  bounds: LimiterBounds,
): LimiterOutcome {
  const sample = gathered(before.sample, tick);
  const state = { ...before, sample, steppedBack: waitedBack(before, tick.elapsedMs) };
  const point = pointOf(sample, state.trial === undefined ? usual : ofTrial);
  if (point === undefined) return { state, event: undefined };
  const { state: after, event } = measured(state, point, bounds);
  // What began in a larger pool, or takes longer than a tick, would tell of the pool before.
  const isOther = after.ceiling < before.ceiling || point.latencyMs > tick.elapsedMs;
  const skip = after.ceiling !== before.ceiling && isOther ? tick.inFlight : 0;
  return { state: { ...after, sample: emptySample(skip) }, event };
}

function waitedBack({ steppedBack }: LimiterState, ms: number): LimiterState["steppedBack"] {
  if (steppedBack === undefined || steppedBack.leftMs <= ms) return undefined;
  return { ...steppedBack, leftMs: steppedBack.leftMs - ms };
}

function measured(given: LimiterState, point: CallPoint, bounds: LimiterBounds): LimiterOutcome {
  const { before, trial } = given;
  if (trial !== undefined) return tried({ ...given, trial: undefined }, trial, point, bounds);
  if (point.isBusy && before !== undefined && isWorse(before, point)) {
    return stepBack(given, before, point, bounds);
  }
  const isBound = point.isBusy && !given.isSlowStart && point.inFlight >= 0.8 * given.ceiling;
  const baseMs = baseAfter(given, point);
  const state = {
    ...given,
    baseMs,
    before: point.isBusy ? point : undefined,
    bound: isBound ? given.bound + 1 : 0,
  };
  if (state.bound >= trialAfter) return { state: onTrial(state, point, bounds), event: undefined };
  if (state.tuned !== undefined) {
    const factor = point.latencyMs / state.tuned.latencyMs;
    const isAsEver = factor < tunedFactor * (1 + sigmas * point.doubt) && factor > 1 / tunedFactor;
    if (isAsEver) return { state, event: undefined };
    const isFaster = factor < 1;
    const anew = isFaster ? { isSlowStart: true, baseMs: point.latencyMs } : {};
    return measured({ ...given, ...anew, tuned: undefined, bound: 0 }, point, bounds);
  }
  if (point.latencyMs <= tolerance * (1 + sigmas * point.doubt) * baseMs) {
    const next = { ...state, slowFrom: undefined, slowAtMin: 0 };
    return { state: grown(next, point, bounds), event: undefined };
  }
  return slower(state, point, baseMs, bounds);
}

/** Tries a few less, or a few more. */
function onTrial(state: LimiterState, point: CallPoint, bounds: LimiterBounds): LimiterState {
  const { next } = state.tuned ?? { next: "fewer" };
  const { min } = bounds;
  const max = highest(state, bounds);
  const now = Math.round(point.inFlight);
  const wanted = now * trialShares[next];
  const ceiling = next === "fewer" ? Math.min(now - 1, wanted) : Math.max(now + 1, wanted);
  const isSmall = Math.abs(ceiling - now) <= trialStepMax * now;
  const isPossible = isSmall && ceiling >= min && ceiling <= max;
  const other = next === "fewer" ? "more" : "fewer";
  const tuned = { latencyMs: point.latencyMs, next: isPossible ? next : other } as const;
  const common = { ...state, bound: 0, before: undefined, tuned };
  return isPossible ? { ...common, ceiling, trial: point } : common;
}

/** Others were tried: is what they got done worth it? */
function tried(
  state: LimiterState,
  from: CallPoint,
  to: CallPoint,
  bounds: LimiterBounds,
): LimiterOutcome {
  const next = state.tuned?.next ?? "fewer";
  const other = next === "fewer" ? "more" : "fewer";
  const back = Math.min(bounds.max, Math.max(bounds.min, Math.round(from.inFlight)));
  const failed = { ...state, ceiling: back };
  if (!to.isBusy) return { state: { ...failed, tuned: undefined }, event: undefined };
  const share = to.inFlight / from.inFlight - 1;
  // Fewer that lose less than that part of their share stay; more that win as much do.
  if (to.perSecond >= from.perSecond * (1 + worth * share)) {
    const tuned = { latencyMs: to.latencyMs, next } as const;
    const kind = next === "fewer" ? "fewer-will-do" : "more-help";
    return { state: { ...state, tuned, bound: trialAfter - 2 }, event: { kind, from, to } };
  }
  const tuned = { latencyMs: from.latencyMs, next: other } as const;
  const kind = next === "fewer" ? "all-needed" : "more-do-not-help";
  return { state: { ...failed, tuned }, event: { kind, from, to } };
}

function isWorse(before: CallPoint, { inFlight, perSecond, doubt }: CallPoint): boolean {
  const isMore = inFlight >= before.inFlight * loss.growth;
  const chance = sigmas * Math.hypot(before.doubt, doubt);
  return isMore && perSecond < before.perSecond * (1 - loss.share - chance);
}

/** More in flight, and less done: back to where more was done. */
function stepBack(
  state: LimiterState,
  from: CallPoint,
  to: CallPoint,
  { min }: LimiterBounds,
): LimiterOutcome {
  const most = Math.max(min, from.inFlight);
  return {
    state: {
      ...state,
      ceiling: most,
      isSlowStart: false,
      before: undefined,
      steppedBack: { most, leftMs: state.stepBackMs },
      stepBackMs: Math.min(stepBackMs.max, 2 * state.stepBackMs),
    },
    event: { kind: "stepped-back", from, to },
  };
}

/** Down at once in part, up only while little is in flight: else queueing would become usual. */
function baseAfter({ baseMs, ceiling }: LimiterState, point: CallPoint): number {
  const { latencyMs, inFlight, isBusy } = point;
  if (baseMs === undefined) return latencyMs;
  if (latencyMs < baseMs) return baseMs + 0.2 * (latencyMs - baseMs);
  const isLight = !isBusy && inFlight < 0.7 * ceiling && latencyMs <= tolerance * baseMs;
  return isLight ? baseMs + 0.1 * (latencyMs - baseMs) : baseMs;
}

/** In good time: the ceiling rises where it is near. */
function grown(state: LimiterState, { inFlight }: CallPoint, bounds: LimiterBounds): LimiterState {
  const { ceiling, isSlowStart } = state;
  if (inFlight < ceiling / 2) return state;
  const wanted = isSlowStart ? 2 * ceiling : ceiling + probing * Math.sqrt(ceiling);
  return { ...state, ceiling: Math.min(highest(state, bounds), wanted) };
}

/** The most that is allowed, after a step back for a while. */
function highest({ steppedBack }: LimiterState, { max }: LimiterBounds): number {
  return Math.min(max, steppedBack?.most ?? max);
}

function slower(
  state: LimiterState,
  point: CallPoint,
  baseMs: number,
  bounds: LimiterBounds,
): LimiterOutcome {
  const { inFlight, latencyMs } = point;
  const slowFrom = state.slowFrom ?? point;
  const slowAtMin = inFlight <= bounds.min ? state.slowAtMin + 1 : 0;
  if (isSlowByItself(slowFrom, point) || slowAtMin >= slowAtMinMax) {
    // Nobody knows what it can take now: it is found out as at the start.
    const next = { ...state, baseMs: latencyMs, isSlowStart: true, slowFrom: undefined };
    return { state: { ...next, slowAtMin: 0 }, event: { kind: "rebased", latencyMs, baseMs } };
  }
  const gradient = Math.max(0.5, (tolerance * baseMs) / latencyMs);
  const wanted = inFlight * gradient + probing * Math.sqrt(inFlight);
  const isFar = inFlight <= fewerMax * slowFrom.inFlight;
  return {
    state: {
      ...state,
      ceiling: Math.min(highest(state, bounds), Math.max(bounds.min, wanted)),
      isSlowStart: false,
      slowFrom: isFar ? point : slowFrom,
      slowAtMin,
    },
    event: { kind: "slower", latencyMs, baseMs },
  };
}

/**
 * Whether a good deal fewer calls took nearly as long: what queues becomes faster in the same
 * proportion, what is slow by itself does not.
 */
function isSlowByItself(from: CallPoint, { inFlight, latencyMs }: CallPoint): boolean {
  const fewer = inFlight / from.inFlight;
  return fewer <= fewerMax && latencyMs / from.latencyMs > Math.sqrt(fewer);
}
