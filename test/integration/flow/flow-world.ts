// What the tests of flow control share: both transports under a virtual clock, subscriptions with a
// flow, and handlers that note when they were called.
import { test, type TestContext } from "node:test";
import { memory } from "../../../src/adapters/memory/index.ts";
import { flowControl, type FlowOptions } from "../../../src/flow/flow-control.ts";
import { SharedRates } from "../../../src/flow/shared/shared-rates.ts";
import { SubscriptionFlow } from "../../../src/flow/subscription-flow.ts";
import type { DeliveryOptions } from "../../../src/delivery/delivery-options.ts";
import type { Handler } from "../../../src/delivery/handler-context.ts";
import type { ReceivedMessage } from "../../../src/delivery/received-message.ts";
import { type Clock, delay } from "../../../src/kernel/clock.ts";
import { directJournal, Placed, type Started, World } from "../delivery/world.ts";

/** One start of a handler. */
export interface Start {
  readonly key: string | undefined;
  readonly n: number;
  readonly type: string;
  readonly tenant: string | undefined;
  readonly priority: string;
  readonly atMs: number;
}

/** A subscription with its flow, and what its handler saw. */
export interface Flowing extends Started {
  readonly flow: SubscriptionFlow;
  readonly starts: Start[];
  /** Handlers that run now, and the most that ever did. */
  readonly running: { now: number; most: number };
}

/** Registers one test for memory() and one for a journal. */
export function testOnBoth(
  name: string,
  run: (world: World, context: TestContext) => Promise<void>,
): void {
  for (const subject of ["memory", "embedded"] as const) {
    test(`${subject}: ${name}`, { timeout: 60_000 }, async (context) => {
      const world = await World.on(subject === "memory" ? memory() : directJournal(context));
      try {
        await run(world, context);
      } finally {
        await world.close();
      }
    });
  }
}

/** Subscribes with a flow; each handler takes `handlerMs` of virtual time. */
export async function subscribeWith(
  world: World,
  options: FlowOptions,
  more: Partial<DeliveryOptions> & {
    readonly handlerMs?: number;
    readonly handler?: Handler;
    /** Default: one of its own, as in another process. */
    readonly shared?: SharedRates;
    readonly clock?: Clock;
  } = {},
): Promise<Flowing> {
  const { handlerMs = 0, handler, clock = world.clock, ...rest } = more;
  const { shared = new SharedRates({ ...world, clock }), ...delivery } = rest;
  const parts = { clock, order: delivery.order ?? "key", shared } as const;
  const flow = new SubscriptionFlow(flowControl(options), parts);
  const starts: Start[] = [];
  const running = { now: 0, most: 0 };
  const handle: Handler = async (message, context) => {
    starts.push(startOf(message as ReceivedMessage, clock.monotonicMs()));
    running.most = Math.max(running.most, ++running.now);
    try {
      if (handlerMs > 0) await delay(clock, handlerMs, context.signal);
      return await handler?.(message, context);
    } finally {
      running.now--;
    }
  };
  const started = await world.subscribe(handle, { ...delivery, flow });
  return { ...started, flow, starts, running };
}

function startOf({ key, data, type, tenant, priority }: ReceivedMessage, atMs: number): Start {
  const { n } = data as { readonly n: number };
  return { key, n, type, tenant, priority, atMs };
}

/** Publishes `count` messages of one key each: `prefix`0, `prefix`1 … */
export async function publishMany(
  world: World,
  prefix: string,
  count: number,
  options?: Parameters<World["publish"]>[2],
): Promise<void> {
  const data = Array.from({ length: count }, (_, n) => ({ key: `${prefix}${n}`, n }));
  await world.publish(data, Placed, options);
}

/** The most starts within any `windowMs`. */
export function mostWithin(starts: readonly Start[], windowMs: number): number {
  let most = 0;
  for (const [index, { atMs }] of starts.entries()) {
    let until = index;
    while (starts[until] !== undefined && (starts[until] as Start).atMs < atMs + windowMs) until++;
    most = Math.max(most, until - index);
  }
  return most;
}
