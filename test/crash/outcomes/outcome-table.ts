// The defined outcome of every combination of order, delivery, action and crash point: the one
// truth from which docs/reference/delivery-outcomes.md is written and with which the crash suite
// compares. Always true: each combination has an outcome, is refused, or does not pass the point.
import { type Action, keysOf, type Point, points, type Service, services } from "./combinations.ts";

/** Where the message is in the end. */
export type End = "handled" | "dead-lettered" | "discarded" | "lost";

/**
 * What becomes of the later messages. Handled once each: "behind" it; before it, while it waits
 * ("flow"); not while the circuit is open ("paused"); in "any" order. At most once each: "lost"
 * with it, which were acknowledged together with it, or lost or handled ("maybe").
 */
export type Later = "behind" | "flow" | "paused" | "any" | "lost" | "maybe";

/** What is seen in the end, when the process was started again and everything is settled. */
export interface Outcome {
  readonly kind: "outcome";
  /** `context.attempt` of each call of the handler for the message, of both processes. */
  readonly calls: readonly number[];
  /** Calls of the fallback. */
  readonly fallbackCalls: number;
  /** How often its effects exist: what it published and, effectively once, its state. */
  readonly effects: 0 | 1;
  readonly end: End;
  /** Of the later messages of its key; without order of all others. */
  readonly later: Later;
}

/** An outcome, or why there is none. */
export type Row =
  | Outcome
  | { readonly kind: "refused"; readonly code: "INVALID_ARGUMENT" }
  | { readonly kind: "not-passed" };

type Calls = readonly number[] | { readonly calls: readonly number[]; readonly fallbacks: number };
type Numbers = Readonly<Partial<Record<Point, Calls>>>;

const plain: Numbers = {
  never: [1],
  fetched: [1],
  "in-handler": [1, 1],
  "before-commit": [1, 1],
  "after-commit": [1],
};

/** An attempt counts once it is committed. */
const attempts: Numbers = {
  never: [1, 2],
  fetched: [1, 2],
  "in-handler": [1, 1, 2],
  "before-commit": [1, 1, 2],
  "after-commit": [1, 2],
  waiting: [1, 2],
  "in-handler-again": [1, 2, 2],
  "before-commit-again": [1, 2, 2],
  "after-commit-again": [1, 2],
};

/** Calls where the message is acknowledged with its outcome. */
const kept: Readonly<Record<Action, Numbers>> = {
  none: plain,
  retry: attempts,
  park: attempts,
  // It counts no attempts; the next process finds the downstream away once more.
  pause: {
    never: [1, 1],
    fetched: [1, 1],
    "in-handler": [1, 1, 1],
    "before-commit": [1, 1, 1],
    "after-commit": [1, 1, 1],
    waiting: [1, 1, 1],
    "in-handler-again": [1, 1, 1, 1],
    "before-commit-again": [1, 1, 1, 1],
    "after-commit-again": [1, 1],
  },
  "dead-letter": plain,
  discard: plain,
  fallback: {
    never: { calls: [1], fallbacks: 1 },
    fetched: { calls: [1], fallbacks: 1 },
    "in-handler": { calls: [1, 1], fallbacks: 1 },
    "in-fallback": { calls: [1, 1], fallbacks: 2 },
    "before-commit": { calls: [1, 1], fallbacks: 2 },
    "after-commit": { calls: [1], fallbacks: 1 },
  },
};

const once: Numbers = {
  never: [1],
  fetched: [1],
  claimed: [],
  "in-handler": [1],
  "before-commit": [1],
  "after-commit": [1],
};

/** Calls where it is acknowledged first; undefined: refused, because the action keeps a message. */
const claimedFirst: Readonly<Record<Action, Numbers | undefined>> = {
  none: once,
  retry: undefined,
  pause: undefined,
  park: undefined,
  "dead-letter": once,
  // Nothing is left to commit.
  discard: { never: [1], fetched: [1], claimed: [], "in-handler": [1] },
  fallback: {
    never: { calls: [1], fallbacks: 1 },
    fetched: { calls: [1], fallbacks: 1 },
    claimed: [],
    "in-handler": [1],
    "in-fallback": { calls: [1], fallbacks: 1 },
    "before-commit": { calls: [1], fallbacks: 1 },
    "after-commit": { calls: [1], fallbacks: 1 },
  },
};

/** Points behind the acknowledgement and before the effect: at most once, a kill there loses it. */
const losing: ReadonlySet<Point> = new Set([
  "claimed",
  "in-handler",
  "in-fallback",
  "before-commit",
]);

/** The row of a combination. */
export function rowOf(service: Service, point: Point): Row {
  const { action, delivery } = service;
  const isClaimedFirst = delivery === "at-most-once";
  const numbers = isClaimedFirst ? claimedFirst[action] : kept[action];
  if (numbers === undefined) return { kind: "refused", code: "INVALID_ARGUMENT" };
  const found = numbers[point];
  if (found === undefined) return { kind: "not-passed" };
  const [calls, fallbackCalls] = "calls" in found ? [found.calls, found.fallbacks] : [found, 0];
  const end = isClaimedFirst && losing.has(point) ? "lost" : endOf(action);
  const effects = end === "handled" ? 1 : 0;
  return { kind: "outcome", calls, fallbackCalls, effects, end, later: laterOf(service, point) };
}

function endOf(action: Action): End {
  if (action === "dead-letter") return "dead-lettered";
  return action === "discard" ? "discarded" : "handled";
}

function laterOf({ order, delivery, action }: Service, point: Point): Later {
  if (delivery === "at-most-once") {
    if (point === "claimed") return "lost";
    const isBusy = point === "in-handler" || point === "in-fallback";
    if (isBusy) return order === "key" ? "lost" : "maybe";
    if (point === "before-commit" || point === "after-commit") return "maybe";
  }
  if (action === "pause") return "paused";
  if (order === "key") return "behind";
  return action === "retry" || action === "park" ? "flow" : "any";
}

/** The subscriptions that pass a crash point, with their outcomes. */
export function outcomesAt(point: Point): (readonly [Service, Outcome])[] {
  return services.flatMap((service) => {
    const row = rowOf(service, point);
    return row.kind === "outcome" ? [[service, row] as const] : [];
  });
}

/** The subscriptions that are refused. */
export const refusedServices: readonly Service[] = services.filter((service) =>
  keysOf(points).every((point) => rowOf(service, point).kind === "refused"),
);
