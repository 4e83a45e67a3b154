// When customers come: one after the other at random moments, at a given rate, whether or not
// anybody has answered those before. Always true: the same seed and rate give the same moments, as
// long as nobody floods the shop; when it ends, its source is closed.
import { type Clock, delay } from "../../../kernel/clock.ts";
import type { Random } from "../../../kernel/random.ts";
import type { Order } from "./order.ts";
import type { OrderSource } from "./order-source.ts";

/** What makes customers come. */
export interface ArrivalOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly source: OrderSource;
  readonly perSecond: number;
  readonly ordersMax: number;
  readonly signal: AbortSignal;
  /** How much busier than usual it is right now. */
  floodFactor(): number;
  /** Called for each customer; must not throw. */
  onOrder(order: Order): void;
}

/** Why no more customers come. */
export type ArrivalsEnd = "time" | "orders" | "signal";

/** Lets customers come until the time is over, the orders end or the signal fires. */
export async function arrive(options: ArrivalOptions, durationMs: number): Promise<ArrivalsEnd> {
  const { clock, source, signal } = options;
  // A source that is closed gives nothing more, also where it has been waited for.
  const end = (): void => source.close();
  const cancel = clock.after(durationMs, end);
  signal.addEventListener("abort", end, { once: true });
  try {
    return await comeOneByOne(options, durationMs);
  } finally {
    cancel();
    signal.removeEventListener("abort", end);
    source.close();
  }
}

async function comeOneByOne(options: ArrivalOptions, durationMs: number): Promise<ArrivalsEnd> {
  const { clock, random, source, perSecond, signal } = options;
  const startMs = clock.monotonicMs();
  let dueMs = 0;
  for (let count = 0; count < options.ordersMax; count++) {
    // Gaps between independent customers are distributed exponentially.
    const gapMs = (-Math.log(1 - random.float()) / perSecond) * 1_000;
    dueMs += gapMs / options.floodFactor();
    if (dueMs > durationMs) return "time";
    const waitMs = startMs + dueMs - clock.monotonicMs();
    if (waitMs > 0) await delay(clock, waitMs, signal).catch(() => undefined);
    if (signal.aborted) return "signal";
    const order = await source.next();
    if (order === undefined) return signal.aborted ? "signal" : "orders";
    options.onOrder(order);
  }
  return "orders";
}
