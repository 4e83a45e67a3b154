// One subscription of a simulated group: the plan's settings as options of bus.subscribe(), and the
// work that each delivery level can do. Knows nothing of faults and fates. Always true: with
// "effectively-once" each message that went well is in the state of its key once, in order.
import type { Bus } from "../../bus/bus.ts";
import type { HandlerContext } from "../../delivery/handler-context.ts";
import { flowControl, type FlowControl } from "../../flow/flow-control.ts";
import { rateLimit } from "../../flow/rate-limit.ts";
import { deadLetter, discard, type EndAction, park, pause, retry } from "../../recovery/actions.ts";
import { type ErrorPolicy, errorPolicy } from "../../recovery/error-policy.ts";
import { otherwise, when } from "../../recovery/matching.ts";
import { exponential } from "../../recovery/schedules.ts";
import { burst } from "./call-bounds.ts";
import { appliedSchema, type Channels, Resulted } from "./contracts.ts";
import {
  type Delivered,
  type GroupHandler,
  handlerTimeoutMs,
  OutageError,
} from "./group-handler.ts";
import type { Ending, GroupPlan } from "./scenario.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

const state = { applied: appliedSchema } as const;

/** A subscription as the program needs it. */
export interface Held {
  /** Lets go what is held; returns how much. */
  release(): number;
}

/** Takes part in a group. */
export function subscribeGroup(
  bus: Bus,
  channels: Channels,
  handler: GroupHandler,
  process: SimulatedProcess,
): Promise<Held> {
  const { plan } = handler;
  const options = optionsOf(plan);
  const onceOptions = { ...options, delivery: "effectively-once", state } as const;
  const once = (message: Delivered, context: HandlerContext<typeof state>) =>
    handler.handle(process, message, context, () => apply(plan, message, context));
  const again = async (message: Delivered, context: HandlerContext): Promise<void> =>
    handler.handle(process, message, context, () => Promise.resolve());
  const isOnce = plan.delivery === "effectively-once";
  const { orders, notes, results } = channels;
  if (plan.channel === "orders") {
    return isOnce
      ? bus.subscribe(orders, onceOptions, once)
      : bus.subscribe(orders, options, again);
  }
  if (plan.channel === "notes") {
    return isOnce ? bus.subscribe(notes, onceOptions, once) : bus.subscribe(notes, options, again);
  }
  if (isOnce) return bus.subscribe(results, onceOptions, once);
  return bus.subscribe(results, options, again);
}

function optionsOf(plan: GroupPlan) {
  return {
    group: plan.name,
    order: plan.order,
    timeoutMs: handlerTimeoutMs,
    errors: policyOf(plan),
    flow: flowOf(plan),
  } as const;
}

function policyOf({ ending, attempts, pauses }: GroupPlan): ErrorPolicy {
  const schedule = exponential({ initialMs: 20, maxMs: 150 });
  const rest = otherwise(retry(schedule, { attempts }).then(endOf(ending)));
  if (!pauses) return errorPolicy(rest);
  const circuit = pause({ failures: 2, windowMs: 1_000, probeAfterMs: 100 });
  return errorPolicy(when(OutageError, circuit), rest);
}

function endOf(ending: Ending): EndAction {
  if (ending === "park") return park("held");
  return ending === "discard" ? discard("given up") : deadLetter();
}

function flowOf({ concurrency, perSecond, ages }: GroupPlan): FlowControl {
  return flowControl({
    concurrency,
    ...(perSecond !== undefined && { rates: [rateLimit({ perSecond, burst })] }),
    ...(ages && { priorityAgeing: { afterMs: 500 } }),
  });
}

/** The effect of one message: its number in the state of its key, and a result. */
async function apply(
  plan: GroupPlan,
  { data, priority }: Delivered,
  context: HandlerContext<typeof state>,
) {
  const { n, key } = data;
  const { applied } = context.state;
  const row = `${priority} ${key}`;
  await applied.set(row, [...((await applied.get(row)) ?? []), n]);
  const result = { n, key, group: plan.name };
  if (plan.publishes === "nothing") return undefined;
  if (plan.publishes === "returned") return Resulted.message(result);
  await context.publish(Resulted, result);
  return undefined;
}
