// What a pool that scales itself sees and decides, and the words for it. Shapes and words only.
// Always true: every decision has one reason, and its text says the numbers that led to it.
import type { LimiterEvent } from "./limiter.ts";

/** What happened in one tick. */
export interface ScalingObservation {
  /** Monotonic ms. */
  readonly atMs: number;
  readonly elapsedMs: number;
  /** Handlers that may run at once, now. */
  readonly limit: number;
  /** Messages that came. */
  readonly arrived: number;
  /** Messages that are here and wait for a handler. */
  readonly waiting: number;
  /** Handlers that run now, how long they have run so far on average, and the mean of the tick. */
  readonly inFlight: number;
  readonly inFlightAgeMs: number;
  readonly inFlightMean: number;
  /** Handlers that ended, and how long they took together. */
  readonly ended: number;
  readonly endedMs: number;
  /** Sum of the squares of these times. */
  readonly squaresMs: number;
  /** Of the last seconds: 99 of 100 messages were handled within so long of being stored. */
  readonly latencyP99Ms: number | undefined;
}

/** Why the pool is as large as it is. */
export type ScalingReason =
  /** What is expected to come needs so many. */
  | "arrivals"
  /** What waits is to be worked off within the goal. */
  | "backlog"
  /** Messages took longer than the goal: more is kept ready. */
  | "goal"
  /** Fewer have been enough for a while. */
  | "quiet"
  /** Calls take longer than they do alone: the downstream is at its limit. */
  | "downstream"
  /** How much the downstream can take is not known yet: the pool is doubled as it is found out. */
  | "probing"
  /** More handlers got less done. */
  | "stepped-back"
  /** No call ends any more: nothing is added. */
  | "stalled"
  /** Messages wait for their keys, a rate or a circuit: more handlers would find nothing. */
  | "nothing-to-start"
  /** More, or fewer, were wanted than the bounds allow. */
  | "max"
  | "min";

/** One decision. */
export interface ScalingDecision {
  /** Wall ms. */
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  /** What would have been right for arrivals and backlog alone. */
  readonly wanted: number;
  readonly reason: ScalingReason;
  /** All of it in words. */
  readonly text: string;
}

/** What a decision is made of, for its words. */
export interface ScalingFigures {
  readonly from: number;
  readonly to: number;
  readonly wanted: number;
  readonly reason: ScalingReason;
  readonly arrivalsPerSecond: number;
  readonly handlerMs: number;
  readonly waiting: number;
  readonly inFlight: number;
  readonly latencyP99Ms: number | undefined;
  readonly goalMs: number;
  readonly holdMs: number;
  readonly event: LimiterEvent | undefined;
  readonly baseMs: number | undefined;
  readonly bound: number;
}

/** The decision in words, as a person would want to read it in a log. */
export function wordsOf(figures: ScalingFigures): string {
  const { from, to } = figures;
  const change = from === to ? `stays at ${to}` : `${from} → ${to}`;
  return `${change}: ${words[figures.reason](figures)}`;
}

const words: Readonly<Record<ScalingReason, (figures: ScalingFigures) => string>> = {
  arrivals: ({ arrivalsPerSecond, handlerMs }) =>
    `${shown(arrivalsPerSecond)} messages a second are expected, ${shown(handlerMs)} ms each`,
  backlog: ({ waiting, arrivalsPerSecond, goalMs }) =>
    `${waiting} messages wait, ${shown(arrivalsPerSecond)} a second are expected, and the goal ` +
    `is ${shown(goalMs)} ms`,
  goal: ({ latencyP99Ms = 0, goalMs }) =>
    `99 of 100 took up to ${shown(latencyP99Ms)} ms, and the goal is ${shown(goalMs)} ms`,
  quiet: ({ arrivalsPerSecond, holdMs }) =>
    `fewer have been enough for ${shown(holdMs)} ms, at ${shown(arrivalsPerSecond)} messages a ` +
    "second",
  downstream: ({ event, wanted, baseMs = 0, handlerMs }) => {
    if (event !== undefined && "from" in event) {
      const { from, to, kind } = event;
      return (
        `${shown(to.inFlight)} at once get ${shown(to.perSecond)} a second done, ` +
        `${shown(from.inFlight)} got ${shown(from.perSecond)}: ` +
        `${trialWords[kind]} (${wanted} were wanted)`
      );
    }
    const slow = event?.kind === "slower" ? event.latencyMs : handlerMs;
    return (
      `calls take ${shown(slow)} ms, and ${shown(baseMs)} ms where nothing queues: the ` +
      `downstream is at its limit (${wanted} were wanted)`
    );
  },
  probing: ({ wanted }) =>
    `what the downstream can take is being found out, step by step (${wanted} were wanted)`,
  "stepped-back": ({ event, wanted }) => {
    if (event?.kind !== "stepped-back") {
      return `more handlers got less done a moment ago (${wanted} were wanted)`;
    }
    const { from, to } = event;
    return (
      `${shown(to.inFlight)} at once got ${shown(to.perSecond)} a second done, ` +
      `${shown(from.inFlight)} had got ${shown(from.perSecond)}`
    );
  },
  stalled: ({ inFlight, wanted }) =>
    `none of ${inFlight} running handlers ends: none is added (${wanted} were wanted)`,
  "nothing-to-start": ({ waiting, inFlight }) =>
    `${waiting} messages wait for their keys, a rate or a circuit: ${inFlight} handlers run, and ` +
    "more would find nothing to start",
  max: ({ bound, wanted }) => `${wanted} were wanted, and max is ${bound}`,
  min: ({ bound }) => `nothing calls for more than min, which is ${bound}`,
};

const trialWords = {
  "fewer-will-do": "fewer will do",
  "all-needed": "each is needed",
  "more-help": "more help",
  "more-do-not-help": "more do not help",
  "stepped-back": "more get less done",
} as const;

/** A number as people read it. */
function shown(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(2)));
}
