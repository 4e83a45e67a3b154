// When customers come: one after the other at random moments, at a given rate, whether or not
// anybody has answered those before. Always true: the same seed and rate give the same moments, as
// long as nobody floods the shop.
import { type Clock, delay } from "../../../kernel/clock.ts";
import type { Random } from "../../../kernel/random.ts";
import type { Order } from "./order.ts";
import type { OrderSource } from "./order-generator.ts";

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

/** Lets customers come until the time is over, the orders end or the signal fires. */
export async function arrive(options: ArrivalOptions, durationMs: number): Promise<void> {
  const { clock, random, source, perSecond, signal } = options;
  const startMs = clock.monotonicMs();
  let dueMs = 0;
  for (let count = 0; count < options.ordersMax; count++) {
    // Gaps between independent customers are distributed exponentially.
    const gapMs = (-Math.log(1 - random.float()) / perSecond) * 1_000;
    dueMs += gapMs / options.floodFactor();
    if (dueMs > durationMs) return;
    const waitMs = startMs + dueMs - clock.monotonicMs();
    if (waitMs > 0) await delay(clock, waitMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const order = source();
    if (order === undefined) return;
    options.onOrder(order);
  }
}
