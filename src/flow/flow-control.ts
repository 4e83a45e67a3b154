// A flow control as its user writes it: checked, complete, immutable. Knows nothing of running.
// Always true: settings that came out of flowControl() are in range, and no two parts exclude each
// other.
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { assertBy, assertNumber, assertWhole, invalidFlow } from "./checks.ts";
import type { FlowMessage } from "./flow-message.ts";
import type { RateLimit } from "./rate-limit.ts";
import { type ScaledConcurrency, scalingOf } from "./scaling/scaling-options.ts";

/** How work is divided between tenants. */
export interface FairnessOptions {
  /** Who a message belongs to. Default: its `tenant`. */
  readonly by?: "tenant" | "key" | "type" | ((message: FlowMessage) => string | undefined);
  /** How many messages a tenant starts while one of weight 1 starts one. Default 1 each. */
  readonly weights?: Readonly<Record<string, number>>;
}

/** How priority gives way to what has waited. */
export interface PriorityAgeingOptions {
  /** After so long a message of normal or low priority is overdue. */
  readonly afterMs: number;
  /** One of so many starts goes to the overdue message that waits longest. Default 2. */
  readonly every?: number;
}

/** The first message waits for later ones of its key; the last of them is handled. */
export interface CoalesceOptions {
  /** How long the first one waits, from when it was stored. */
  readonly withinMs: number;
  /** What is told apart. Default: the message's key; a function only with `order: "none"`. */
  readonly by?: "key" | ((message: FlowMessage) => string | undefined);
}

/** A key's message waits until no later one has come for a while; the last of them is handled. */
export interface DebounceOptions {
  /** How long no further message of the key may come. */
  readonly quietMs: number;
  /** How long the first one waits at most. Default: ten times `quietMs`. */
  readonly waitMsMax?: number;
  /** What is told apart. Default: the message's key; a function only with `order: "none"`. */
  readonly by?: "key" | ((message: FlowMessage) => string | undefined);
}

/** What flowControl() and subscription.flow.update() take. */
export interface FlowOptions {
  /** Most handlers that run at once, or bounds between which that is chosen. Default 16. */
  readonly concurrency?: number | ScaledConcurrency;
  /** All of them hold; at most 8. Default none. */
  readonly rates?: readonly RateLimit[];
  readonly fairness?: FairnessOptions | undefined;
  readonly priorityAgeing?: PriorityAgeingOptions | undefined;
  readonly coalesce?: CoalesceOptions | undefined;
  readonly debounce?: DebounceOptions | undefined;
}

/** A checked flow control; made by flowControl(). */
export interface FlowControl extends FlowOptions {
  readonly kind: "flow-control";
}

/** Handlers that run at once where nothing is said. */
export const flowConcurrencyDefault = 16;
/** Most handlers that one subscription may run at once. */
export const flowConcurrencyMax = 1_000;
/** Most rates of one subscription. */
export const ratesMax = 8;
/** Most tenants with a weight of their own. */
export const weightsMax = 1_000;
/** Largest weight. */
export const weightMax = 1_000;
/** Longest time that messages wait for others, or until they are overdue: a day. */
export const flowWaitMsMax = 86_400_000;

const known = {
  flow: optionNames<FlowOptions>({
    concurrency: true,
    rates: true,
    fairness: true,
    priorityAgeing: true,
    coalesce: true,
    debounce: true,
  }),
  fairness: optionNames<FairnessOptions>({ by: true, weights: true }),
  ageing: optionNames<PriorityAgeingOptions>({ afterMs: true, every: true }),
  coalesce: optionNames<CoalesceOptions>({ withinMs: true, by: true }),
  debounce: optionNames<DebounceOptions>({ quietMs: true, waitMsMax: true, by: true }),
} as const;

/**
 * How much of a subscription happens at once, in which order, and how fast. Given to subscribe();
 * `subscription.flow.update()` changes it while it runs.
 *
 * @example
 * import { createBus, defineEvent, flowControl, rateLimit } from "spillway";
 * import { memory } from "spillway/memory";
 * import { z } from "zod";
 * const OrderPlaced = defineEvent("order.placed", { data: z.object({ id: z.string() }) });
 * await using bus = await createBus({ name: "shop", transport: memory() });
 * const flow = flowControl({
 *   concurrency: 8,
 *   rates: [rateLimit({ perSecond: 50, by: "tenant" })],
 *   fairness: { weights: { gold: 3 } },
 *   priorityAgeing: { afterMs: 30_000 },
 * });
 * const subscription = await bus.subscribe(OrderPlaced, { flow }, async () => {});
 * subscription.flow.update({ concurrency: 2 });
 */
export function flowControl(options: FlowOptions = {}): FlowControl {
  return Object.freeze({ kind: "flow-control", ...checkedFlow("flowControl", options) });
}

/** Checks what was given; parts that are absent stay so. Throws INVALID_ARGUMENT. */
export function checkedFlow(place: string, options: FlowOptions): FlowOptions {
  if (typeof options !== "object" || options === null) {
    throw invalidFlow(`${place} is ${String(options)}: give an object`);
  }
  assertKnownOptions(options, known.flow, place);
  const { concurrency, rates, fairness, priorityAgeing, coalesce, debounce } = options;
  if (typeof concurrency === "object") {
    scalingOf(`${place}: concurrency`, concurrency, flowConcurrencyMax);
  } else if (concurrency !== undefined) {
    assertWhole(`${place}: concurrency`, concurrency, 1, flowConcurrencyMax);
  }
  if (rates !== undefined) assertRates(`${place}: rates`, rates);
  if (fairness !== undefined) assertFairness(`${place}: fairness`, fairness);
  if (priorityAgeing !== undefined) {
    assertKnownOptions(priorityAgeing, known.ageing, `${place}: priorityAgeing`);
    assertNumber(`${place}: priorityAgeing.afterMs`, priorityAgeing.afterMs, 0, flowWaitMsMax);
    const { every = 2 } = priorityAgeing;
    assertWhole(`${place}: priorityAgeing.every`, every, 2, 1_000);
  }
  if (coalesce !== undefined) assertCoalesce(`${place}: coalesce`, coalesce);
  if (debounce !== undefined) assertDebounce(`${place}: debounce`, debounce);
  assertOneOfThem(place, options);
  return { ...options, ...(rates !== undefined && { rates: Object.freeze([...rates]) }) };
}

/** Throws where messages would wait for others by two rules at once. */
export function assertOneOfThem(place: string, { coalesce, debounce }: FlowOptions): void {
  if (coalesce === undefined || debounce === undefined) return;
  throw invalidFlow(`${place} has both coalesce and debounce: give one of them`);
}

function assertRates(place: string, rates: readonly RateLimit[]): void {
  if (!Array.isArray(rates) || rates.length > ratesMax) {
    const given = Array.isArray(rates) ? `${rates.length} rates` : typeof rates;
    throw invalidFlow(`${place} is ${given}: give a list of at most ${ratesMax}`);
  }
  for (const [index, rate] of (rates as readonly Partial<RateLimit>[]).entries()) {
    if (rate?.kind === "rate-limit") continue;
    throw invalidFlow(`${place}[${index}] is no rate: make each with rateLimit({ … })`);
  }
}

function assertFairness(place: string, fairness: FairnessOptions): void {
  assertKnownOptions(fairness, known.fairness, place);
  if (fairness.by !== undefined) assertBy(`${place}.by`, fairness.by, ["tenant", "key", "type"]);
  const weights = Object.entries(fairness.weights ?? {});
  if (weights.length > weightsMax) {
    throw invalidFlow(`${place}.weights has ${weights.length}: give at most ${weightsMax}`);
  }
  for (const [tenant, weight] of weights) {
    assertWhole(`${place}.weights['${tenant}']`, weight, 1, weightMax);
  }
}

function assertCoalesce(place: string, coalesce: CoalesceOptions): void {
  assertKnownOptions(coalesce, known.coalesce, place);
  assertNumber(`${place}.withinMs`, coalesce.withinMs, 1, flowWaitMsMax);
  if (coalesce.by !== undefined) assertBy(`${place}.by`, coalesce.by, ["key"]);
}

function assertDebounce(place: string, debounce: DebounceOptions): void {
  const { quietMs, waitMsMax, by } = debounce;
  assertKnownOptions(debounce, known.debounce, place);
  assertNumber(`${place}.quietMs`, quietMs, 1, flowWaitMsMax);
  if (waitMsMax !== undefined)
    assertNumber(`${place}.waitMsMax`, waitMsMax, quietMs, flowWaitMsMax);
  if (by !== undefined) assertBy(`${place}.by`, by, ["key"]);
}
