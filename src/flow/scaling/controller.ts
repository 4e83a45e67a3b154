// Decides how large a pool is to be: one tick's observation in, the next size and its reason out.
// Pure and deterministic: no clock, no timers, no randomness. Knows nothing of where the numbers
// come from. Always true: the size is within [min, max] and the limiter's ceiling; a pool grows at
// once, and shrinks only after fewer have been enough for `holdMs`, or for the downstream's sake.
//
// What is needed: arrivals expected × how long one takes (Little's law), some more against their
// irregularity (square-root staffing), and what works off the backlog within the goal. What can be
// borne: the limiter.
import { expectedPerSecond, type Forecast, noForecast, observed, shareOf } from "./forecast.ts";
import {
  limited,
  type LimiterEvent,
  limiterStart,
  type LimiterState,
  tolerance,
} from "./limiter.ts";
import {
  type ScalingFigures,
  type ScalingObservation,
  type ScalingReason,
  wordsOf,
} from "./scaling-decision.ts";
import type { ScalingSettings } from "./scaling-options.ts";

/** What it remembers. */
export interface ControllerState {
  readonly forecast: Forecast;
  readonly limiter: LimiterState;
  /** How long a handler takes, smoothed; undefined: none has ended. */
  readonly handlerMs: number | undefined;
  /** How many square roots of the load are kept ready. */
  readonly headroom: number;
  /** What was wanted within the hold: when, and how much; falling. At most `wantedMax`. */
  readonly wanted: readonly { readonly atMs: number; readonly size: number }[];
  /** Messages waited that could not start: no more than so many until then. */
  readonly startable: { readonly size: number; readonly untilMs: number } | undefined;
  /** Why the limiter holds the pool down. */
  readonly limitedBy: LimiterEvent | undefined;
}

/** A size, and why. */
export interface SizeDecision extends ScalingFigures {
  readonly text: string;
}

/** Entries that are kept of what was wanted. */
export const wantedMax = 64;
const headroomBounds = { min: 0.5, start: 1, max: 4 } as const;
/** How fast more is kept ready while the goal is missed, and less while it is met by far. */
const headroomStep = { more: 1.1, less: 0.99 } as const;
/** Parts of the goal: where it is met by far, and where it is at risk. */
const goalParts = { far: 0.4, risk: 0.8 } as const;
/** The part of what the goal leaves in which a backlog is worked off. */
const drainPart = 0.5;
/** Over how many ended handlers their time is smoothed. */
const handlersSmoothed = 20;
/** No handler ended, and those that run have for so many times as long as they should. */
const stallFactor = 2;
/** Ticks for which messages that could not start are remembered. */
const startableTicks = 5;

/** Nothing was observed. */
export function controllerStart({ initial, max }: ScalingSettings): ControllerState {
  return {
    forecast: noForecast,
    limiter: limiterStart(initial, max),
    handlerMs: undefined,
    headroom: headroomBounds.start,
    wanted: [],
    startable: undefined,
    limitedBy: undefined,
  };
}

/** One tick on. */
export function decided(
  before: ControllerState,
  seen: ScalingObservation,
  settings: ScalingSettings,
): { readonly state: ControllerState; readonly decision: SizeDecision } {
  const { min, max } = settings;
  const isSaturated = seen.waiting > 0 && seen.inFlight >= seen.limit;
  const { state: limiter, event } = limited(before.limiter, { ...seen, isSaturated }, { min, max });
  const state = {
    ...before,
    limiter,
    forecast: observed(before.forecast, seen.arrived, seen.elapsedMs),
    handlerMs: handlerMsAfter(before.handlerMs, seen),
    headroom: headroomAfter(before.headroom, seen, settings),
    startable: startableAfter(before.startable, seen, settings),
    limitedBy: limitedByAfter(before.limitedBy, event, limiter),
  };
  const need = needOf(state, seen, settings);
  const chosen = chosenOf(state, need, seen, settings);
  const figures: ScalingFigures = {
    ...chosen.choice,
    from: seen.limit,
    wanted: need.size,
    arrivalsPerSecond: need.perSecond,
    handlerMs: state.handlerMs ?? 0,
    waiting: seen.waiting,
    inFlight: seen.inFlight,
    latencyP99Ms: seen.latencyP99Ms,
    goalMs: settings.goalMs,
    holdMs: settings.holdMs,
    event: state.limitedBy,
    baseMs: limiter.baseMs,
    bound: chosen.choice.reason === "min" ? min : max,
  };
  const decision = { ...figures, text: wordsOf(figures) };
  return { state: { ...state, wanted: chosen.wanted }, decision };
}

function handlerMsAfter(
  before: number | undefined,
  { ended, endedMs }: ScalingObservation,
): number | undefined {
  if (ended === 0) return before;
  const meanMs = endedMs / ended;
  if (before === undefined) return meanMs;
  return before + shareOf(ended, handlersSmoothed) * (meanMs - before);
}

function headroomAfter(
  before: number,
  { latencyP99Ms }: ScalingObservation,
  { goalMs }: ScalingSettings,
): number {
  if (latencyP99Ms === undefined) return before;
  if (latencyP99Ms > goalParts.risk * goalMs) {
    return Math.min(headroomBounds.max, before * headroomStep.more);
  }
  const isFar = latencyP99Ms < goalParts.far * goalMs;
  return isFar ? Math.max(headroomBounds.min, before * headroomStep.less) : before;
}

/** The pool has room, and yet messages wait. */
function startableAfter(
  before: ControllerState["startable"],
  { waiting, inFlight, limit, atMs }: ScalingObservation,
  { tickMs }: ScalingSettings,
): ControllerState["startable"] {
  if (waiting > 0 && inFlight < limit) {
    return { size: inFlight + 1, untilMs: atMs + startableTicks * tickMs };
  }
  return before !== undefined && atMs < before.untilMs && waiting > 0 ? before : undefined;
}

function limitedByAfter(
  before: LimiterEvent | undefined,
  event: LimiterEvent | undefined,
  { isSlowStart, steppedBack }: LimiterState,
): LimiterEvent | undefined {
  if (event?.kind === "rebased") return undefined;
  if (event !== undefined) return event;
  if (before?.kind === "stepped-back" && steppedBack === undefined) return undefined;
  return isSlowStart ? undefined : before;
}

interface Need {
  readonly size: number;
  readonly perSecond: number;
  readonly reason: ScalingReason;
}

/** What arrivals and backlog call for. */
function needOf(
  { forecast, handlerMs = 0, headroom, limiter }: ControllerState,
  seen: ScalingObservation,
  { goalMs, tickMs, max }: ScalingSettings,
): Need {
  const perSecond = expectedPerSecond(forecast, tickMs);
  // Calls that queue downstream take longer without being more work.
  const workMs = Math.min(handlerMs, tolerance * (limiter.baseMs ?? handlerMs));
  const load = (perSecond * workMs) / 1_000;
  const steady = load + headroom * Math.sqrt(load);
  const drainMs = Math.max(tickMs, drainPart * (goalMs - workMs));
  const backlog = handlerMs === 0 ? seen.waiting : (seen.waiting * workMs) / drainMs;
  const size = Math.min(10 * max, Math.ceil(steady + backlog));
  if (backlog > steady) return { size, perSecond, reason: "backlog" };
  const isMissed = (seen.latencyP99Ms ?? 0) > goalMs;
  return { size, perSecond, reason: isMissed ? "goal" : "arrivals" };
}

interface Chosen {
  readonly choice: { readonly to: number; readonly reason: ScalingReason };
  readonly wanted: ControllerState["wanted"];
}

/** What is done of it. */
function chosenOf(
  state: ControllerState,
  need: Need,
  seen: ScalingObservation,
  settings: ScalingSettings,
): Chosen {
  const { min, max, holdMs } = settings;
  const { limit, atMs } = seen;
  const startable = state.startable?.size ?? Number.POSITIVE_INFINITY;
  const useful = Math.max(min, Math.min(need.size, startable));
  const wanted = remembered(state.wanted, atMs, useful, holdMs);
  const held = wanted[0]?.size ?? useful;
  const reason: ScalingReason = startable < need.size ? "nothing-to-start" : need.reason;
  const ceiling = Math.max(min, Math.floor(state.limiter.ceiling));
  const pick = (to: number, why: ScalingReason): Chosen => ({
    choice: { to, reason: why },
    wanted,
  });
  const size = Math.min(max, ceiling, held);
  if (size > limit && isStalled(state, seen)) return pick(limit, "stalled");
  const isLimited = size === ceiling && held > ceiling && ceiling < max;
  if (isLimited) return pick(size, limitReason(state));
  if (size >= limit && held > max) return pick(size, "max");
  if (size > limit) return pick(size, reason);
  if (size < limit) return pick(size, "quiet");
  return pick(limit, limit === min ? "min" : reason);
}

/** The largest of what was wanted within the hold comes first; what it covers is dropped. */
function remembered(
  before: ControllerState["wanted"],
  atMs: number,
  size: number,
  holdMs: number,
): ControllerState["wanted"] {
  const kept = before.filter((each) => each.atMs > atMs - holdMs && each.size > size);
  // The first one decides now; the one behind it is missed least.
  const fitting = kept.length < wantedMax ? kept : kept.toSpliced(1, kept.length - wantedMax + 1);
  return [...fitting, { atMs, size }];
}

function limitReason({ limiter, limitedBy }: ControllerState): ScalingReason {
  if (limiter.steppedBack !== undefined) return "stepped-back";
  return limitedBy === undefined ? "probing" : "downstream";
}

function isStalled({ limiter }: ControllerState, seen: ScalingObservation): boolean {
  const { baseMs } = limiter;
  if (baseMs === undefined || seen.ended > 0 || seen.inFlight === 0) return false;
  return seen.inFlightAgeMs > stallFactor * baseMs;
}
