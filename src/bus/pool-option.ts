// How many handlers a subscription runs at once: a number, or bounds between which the pool scales
// itself. Owns the default and the checks. Always true: it is said in one place, `concurrency` or
// `flow`.
import { SpillwayError } from "../errors/spillway-error.ts";
import { type FlowControl, flowConcurrencyMax } from "../flow/flow-control.ts";
import { type ScaledConcurrency, scalingOf } from "../flow/scaling/scaling-options.ts";

/** Handlers that run at once where a subscription says nothing. */
export const concurrencyDefault = 16;

/** Where it is said. */
interface PoolOption {
  readonly concurrency?: number | ScaledConcurrency;
  readonly flow?: FlowControl;
}

/** The pool that was asked for, or the default. */
export function poolOf({ concurrency, flow }: PoolOption): number | ScaledConcurrency {
  return concurrency ?? flow?.concurrency ?? concurrencyDefault;
}

/** Most handlers of a pool; throws INVALID_ARGUMENT where its bounds cannot be. */
export function mostOf(pool: number | ScaledConcurrency): number {
  return typeof pool === "object" ? scalingOf("concurrency", pool, flowConcurrencyMax).max : pool;
}

/** Throws INVALID_ARGUMENT for a flow that is none, and for one beside `concurrency`. */
export function assertFlow({ flow, concurrency }: PoolOption): void {
  if (flow === undefined) return;
  if (flow?.kind !== "flow-control") {
    const text = `flow is ${typeof flow}: make it with flowControl({ … })`;
    throw new SpillwayError("INVALID_ARGUMENT", text);
  }
  if (concurrency === undefined) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `concurrency is ${JSON.stringify(concurrency)} beside flow: give it as ` +
      "flowControl({ concurrency })",
  );
}
