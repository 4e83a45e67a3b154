// The work of every part, Spillway's and the bare one beside it, by name.
import { createBus, type SubscribeOptions } from "spillway";
import { embedded } from "spillway/embedded";
import { z } from "zod";
import { bareConsume } from "./bare/consume.ts";
import { barePublish, BarePublisher, publishWindowed } from "./bare/publish.ts";
import { BareWriter } from "./bare/writer.ts";
import type { PartInput, PartWork } from "./part-protocol.ts";
import { OrderPlaced, orders } from "./order-contract.ts";
import { makeOrder } from "./payloads.ts";

const progressEvery = 500;
/** Messages that are consumed before the clock starts, so that both sides run compiled code. */
const warmUpMax = 100_000;

/** The bus of a part, on its directory. */
export function openBus(input: PartInput) {
  return createBus({
    name: "bench",
    transport: embedded({ directory: input.directory }),
    channels: [orders],
  });
}

export type Bus = Awaited<ReturnType<typeof openBus>>;

function publishAll(bus: Bus, input: PartInput, count: number): Promise<void> {
  return publishWindowed(
    (index) => bus.publish(OrderPlaced, makeOrder(index, input.bytes)),
    count,
    input.window,
  );
}

const publish: PartWork = async (input) => {
  const bus = await openBus(input);
  await publishAll(bus, input, Math.min(warmUpMax, input.messages));
  await input.go();
  await publishAll(bus, input, input.messages);
  await bus.close();
};

const fill: PartWork = async (input) => {
  const bus = await openBus(input);
  await input.go();
  await publishAll(bus, input, input.messages);
  await bus.close();
};

const bareFill: PartWork = async (input) => {
  const writer = new BareWriter(input.directory);
  await input.go();
  await barePublish(writer, input.messages, input.bytes, input.window);
  await writer.close();
};

const publishBare: PartWork = async (input) => {
  const writer = new BareWriter(input.directory);
  const publisher = new BarePublisher(writer, input.bytes);
  const all = (count: number): Promise<void> =>
    publishWindowed(
      (index) => publisher.publish(makeOrder(index, input.bytes)),
      count,
      input.window,
    );
  await all(Math.min(warmUpMax, input.messages));
  await input.go();
  await all(input.messages);
  await writer.close();
};

/** Counts what this part consumed; several parts share a log, so remainders are told as well. */
export function counter(input: PartInput): () => void {
  let count = 0;
  const tell = (): void => {
    if (count > 0) input.progress(count);
    count = 0;
  };
  setInterval(tell, 50).unref();
  return () => {
    if (++count === progressEvery) tell();
  };
}

/** Consumes the first messages in a group of its own, with what the part's own group has on. */
export async function warmUp(
  bus: Bus,
  input: PartInput,
  options: SubscribeOptions = {},
): Promise<void> {
  const enough = Promise.withResolvers<void>();
  let left = Math.min(warmUpMax, input.messages);
  const group = `warm-up-${input.index}`;
  const subscription = await bus.subscribe(orders, { ...options, group }, async () => {
    if (--left === 0) enough.resolve();
  });
  await enough.promise;
  await subscription.close();
}

async function bareWarmUp(writer: BareWriter, input: PartInput): Promise<void> {
  await bareConsume(writer, Math.min(warmUpMax, input.messages), "warm-up", async () => undefined);
}

function consume(delivery: "at-least-once" | "effectively-once"): PartWork {
  return async (input) => {
    const bus = await openBus(input);
    await warmUp(bus, input);
    await input.go();
    const count = counter(input);
    for (let group = 0; group < input.groups; group++) {
      await bus.subscribe(orders, { group: `group-${group}`, delivery }, async () => count());
    }
    await input.stopped;
    await bus.close();
  };
}

const consumeState: PartWork = async (input) => {
  const bus = await openBus(input);
  await warmUp(bus, input);
  await input.go();
  const count = counter(input);
  await bus.subscribe(
    orders,
    {
      group: "state",
      delivery: "effectively-once",
      state: { totals: z.object({ cents: z.int() }) },
    },
    async (message, context) => {
      await context.state.totals.set(message.data.orderId, { cents: message.data.cents });
      count();
    },
  );
  await input.stopped;
  await bus.close();
};

const consumeBare: PartWork = async (input) => {
  const writer = new BareWriter(input.directory);
  await bareWarmUp(writer, input);
  await input.go();
  const count = counter(input);
  await Promise.all(
    Array.from({ length: input.groups }, (_, group) =>
      bareConsume(writer, input.messages, `group-${group}`, async () => count()),
    ),
  );
  await writer.close();
};

const consumeBareState: PartWork = async (input) => {
  const writer = new BareWriter(input.directory);
  await bareWarmUp(writer, input);
  await input.go();
  const count = counter(input);
  const upsert = (order: { readonly orderId: string; readonly cents: number }) =>
    [order.orderId, JSON.stringify({ cents: order.cents })] as const;
  await bareConsume(writer, input.messages, "state", async () => count(), upsert);
  await writer.close();
};

const both: PartWork = async (input) => {
  const bus = await openBus(input);
  await input.go();
  const count = counter(input);
  await bus.subscribe(orders, { group: "both" }, async () => count());
  await Promise.all([publishAll(bus, input, input.messages), input.stopped]);
  await bus.close();
};

const bothBare: PartWork = async (input) => {
  const writer = new BareWriter(input.directory);
  await writer.opened();
  await input.go();
  const count = counter(input);
  await Promise.all([
    barePublish(writer, input.messages, input.bytes, input.window),
    bareConsume(writer, input.messages, "both", async () => count()),
  ]);
  await writer.close();
};

/** Every part by name. */
export const parts: Readonly<Record<string, PartWork>> = {
  publish,
  publishBare,
  fill,
  bareFill,
  consume: consume("at-least-once"),
  consumeOnce: consume("effectively-once"),
  consumeState,
  consumeBare,
  consumeBareState,
  both,
  bothBare,
};
