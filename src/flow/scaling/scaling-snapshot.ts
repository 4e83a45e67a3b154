// What an outside autoscaler reads: the pools of one process as plain JSON, by channel and group.
// Shapes, and how they are put together. Knows nothing of who asks. Always true: its shape changes
// only with its version; every member is a number, a text or a list of pools.
import type { PoolScaling } from "./pool-scaler.ts";
import type { ScalingReason } from "./scaling-decision.ts";
import type { ScalingMode } from "./scaling-options.ts";

/** The pools of one bus that scale themselves. */
export interface ScalingSnapshot {
  /** Of this shape. */
  readonly version: 1;
  /** The bus's name. */
  readonly bus: string;
  /** Wall ms. */
  readonly atMs: number;
  /** In the order of channels, then groups. */
  readonly pools: readonly ScalingPool[];
}

/** What this process has for one group of a channel; several subscriptions are added up. */
export interface ScalingPool {
  readonly channel: string;
  readonly group: string;
  readonly mode: ScalingMode;
  /** Handlers that may run at once here, and that should. */
  readonly current: number;
  readonly desired: number;
  /** What arrivals and backlog call for here, whatever `max` and the downstream say. */
  readonly wanted: number;
  readonly min: number;
  readonly max: number;
  /** Handlers that run here. */
  readonly inFlight: number;
  /** Messages that the group has not settled, over all processes, and the age of the oldest. */
  readonly backlog: number;
  readonly backlogAgeMs: number;
  /** Members of the group, over all processes. */
  readonly members: number;
  /**
   * Processes like this one that would be enough: `wanted` of each member, in pools of `max`; at
   * least 1. It is no more than there are while the downstream is what limits them.
   */
  readonly processesWanted: number;
  readonly arrivalsPerSecond: number;
  readonly handlerMs: number;
  /** 99 of 100 messages were handled within so long of being stored; 0 before the first. */
  readonly latencyP99Ms: number;
  readonly goalMs: number;
}

/** One group's numbers over all processes. */
export interface GroupBacklog {
  readonly depth: number;
  readonly lagMs: number;
  readonly members: number;
}

/** One pool of the snapshot, from the subscriptions of a group; there is at least one. */
export function poolOf(
  place: { readonly channel: string; readonly group: string },
  all: readonly [PoolScaling, ...PoolScaling[]],
  { depth, lagMs, members }: GroupBacklog,
): ScalingPool {
  const sum = (read: (pool: PoolScaling) => number): number =>
    all.reduce((total, pool) => total + read(pool), 0);
  const most = (read: (pool: PoolScaling) => number): number => Math.max(...all.map(read));
  const [{ mode, goalMs }] = all;
  const max = sum((pool) => pool.max);
  const wanted = sum((pool) => pool.wanted);
  const others = Math.max(1, members / all.length);
  const isLimited = all.some(({ decisions }) => isOfDownstream(decisions.at(-1)?.reason));
  const needed = Math.max(1, Math.ceil((others * wanted) / max));
  return {
    ...place,
    mode,
    current: sum(({ current }) => current),
    desired: sum(({ desired }) => desired),
    wanted,
    min: sum(({ min }) => min),
    max,
    inFlight: sum(({ inFlight }) => inFlight),
    backlog: depth,
    backlogAgeMs: lagMs,
    members,
    processesWanted: isLimited ? Math.min(Math.ceil(others), needed) : needed,
    arrivalsPerSecond: rounded(sum(({ arrivalsPerSecond }) => arrivalsPerSecond)),
    handlerMs: rounded(most(({ handlerMs }) => handlerMs)),
    latencyP99Ms: rounded(most(({ latencyP99Ms = 0 }) => latencyP99Ms)),
    goalMs,
  };
}

/** More processes would not get more out of it. */
function isOfDownstream(reason: ScalingReason | undefined): boolean {
  return reason === "downstream" || reason === "stepped-back";
}

/** To a thousandth: what is behind that is noise. */
function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
