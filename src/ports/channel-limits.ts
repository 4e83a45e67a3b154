// The bounds of a full channel that every transport shares: the share of the limits that each
// priority may use, how long a held consumer waits, when to try again. Pure functions; the meaning
// is in docs/adr/0019.
import { BackPressureError } from "../errors/spillway-error.ts";
import { priorities, type Priority } from "../message/envelope.ts";
import type { Limits, Waiting } from "./transport.ts";

export type { Limits, Waiting } from "./transport.ts";

/** Where less important priorities are refused first: the share of the limits that each may use. */
const sheddingShares: Readonly<Record<Priority, number>> = { high: 1, normal: 7 / 8, low: 3 / 4 };
/** A consumer held by a full channel gets one message when so much time has passed. */
export const holdMsMax = 1_000;
/** Said where nothing was measured; and the bounds of what is said. */
const retryAfterMs = { unknown: 1_000, least: 1, most: 30_000 } as const;
/** Settled messages are counted over at least so long a time. */
const drainSampleMs = 50;

/** Whether a declaration bounds anything. */
export function hasLimits(limits: Limits | undefined): limits is Limits {
  return limits?.depthMax !== undefined || limits?.bytesMax !== undefined;
}

/** The bounds for messages of one priority. */
export function boundsOf(limits: Limits, priority: Priority): Waiting {
  const share = limits.isShedding === true ? sheddingShares[priority] : 1;
  const of = (value = Number.POSITIVE_INFINITY): number => Math.ceil(value * share);
  return { depth: of(limits.depthMax), bytes: of(limits.bytesMax) };
}

/**
 * Whether a message must not be stored because one of this append was refused before: nothing
 * overtakes within its priority, nor anything in a channel that does not shed.
 */
export function isBehind(
  refused: Priority | undefined,
  priority: Priority,
  limits: Limits | undefined,
): boolean {
  if (refused === undefined) return false;
  if (limits?.isShedding !== true) return true;
  return priorities.indexOf(priority) >= priorities.indexOf(refused);
}

/** How many messages fit that take `bytesEach`; one of any size does where nothing waits. */
export function roomFor(bounds: Waiting, waiting: Waiting, bytesEach: number): number {
  const depth = bounds.depth - waiting.depth;
  if (depth <= 0) return 0;
  const bytes = bounds.bytes - waiting.bytes;
  const fitting = bytesEach === 0 ? depth : Math.floor(bytes / bytesEach);
  const least = waiting.depth === 0 ? 1 : 0;
  return Math.max(least, Math.min(depth, fitting));
}

/** How fast a channel's slowest group settles, measured whenever its depth was computed. */
export class DrainRate {
  #atMs: number | undefined;
  #settled = 0;
  #perMs: number | undefined;

  /** So many messages were settled in all, as of now on the monotonic clock. */
  sample(settled: number, nowMs: number): void {
    const passedMs = this.#atMs === undefined ? 0 : nowMs - this.#atMs;
    // Another group is the slowest now, or one was removed: begins anew.
    const isOther = settled < this.#settled;
    if (this.#atMs !== undefined && passedMs < drainSampleMs && !isOther) return;
    if (passedMs > 0 && !isOther) {
      const perMs = (settled - this.#settled) / passedMs;
      this.#perMs = this.#perMs === undefined ? perMs : (this.#perMs + perMs) / 2;
    }
    this.#atMs = nowMs;
    this.#settled = settled;
  }

  /** When so many messages are likely to have found room. */
  retryAfterMs(messages: number): number {
    if (this.#perMs === undefined) return retryAfterMs.unknown;
    const ms = this.#perMs <= 0 ? retryAfterMs.most : Math.ceil(messages / this.#perMs);
    return Math.min(retryAfterMs.most, Math.max(retryAfterMs.least, ms));
  }
}

/** What is said of a full channel to whom it refused. */
export interface FullChannel {
  readonly channel: string;
  readonly priority: Priority;
  readonly limits: Limits;
  readonly waiting: Waiting;
  readonly retryAfterMs: number;
}

/** The definite refusal of messages that found no room; one error answers all of a batch. */
export function channelFull(full: FullChannel): BackPressureError {
  const { channel, priority, limits, waiting } = full;
  const { depthMax, bytesMax, isShedding = false } = limits;
  const bounds = [
    ...(depthMax === undefined ? [] : [`depthMax ${depthMax}`]),
    ...(bytesMax === undefined ? [] : [`bytesMax ${bytesMax}`]),
  ].join(" and ");
  // Bytes are counted only where they are bounded.
  const size = bytesMax === undefined ? "" : ` (${waiting.bytes} bytes)`;
  const who = isShedding ? `messages of ${priority} priority are refused` : "nothing more fits";
  return new BackPressureError(
    `channel '${channel}' is full: ${waiting.depth} messages${size} wait, its ` +
      `limits are ${bounds}, ${who}: try again in ${full.retryAfterMs} ms`,
    {
      retryAfterMs: full.retryAfterMs,
      details: {
        channel,
        priority,
        depth: waiting.depth,
        ...(depthMax === undefined ? {} : { depthMax }),
        ...(bytesMax === undefined ? {} : { bytes: waiting.bytes, bytesMax }),
        shed: isShedding && priority !== "high",
      },
    },
  );
}
