// What the tests of sequences share: numbered messages on both transports under a virtual clock,
// and subscriptions that note what their handler saw.
import { test, type TestContext } from "node:test";
import { z } from "zod";
import { memory } from "../../../src/adapters/memory/index.ts";
import type { MessageOptions } from "../../../src/contracts/contract.ts";
import { defineEvent } from "../../../src/contracts/event.ts";
import type { DeliveryOptions } from "../../../src/delivery/delivery-options.ts";
import type { Handler } from "../../../src/delivery/handler-context.ts";
import type { Consumer } from "../../../src/ports/transport.ts";
import { directJournal, keyOf, type Started, World } from "../delivery/world.ts";

/** A message of a key with its number. */
export const Counted = defineEvent("order.counted", {
  data: z.object({ key: z.string(), n: z.number() }),
  key: ({ key }) => key,
  sequence: ({ n }) => n,
});

/** The same without a number. */
export const Uncounted = defineEvent("order.uncounted", {
  data: z.object({ key: z.string(), n: z.number() }),
  key: ({ key }) => key,
});

/** Registers one test for memory() and one for a journal. */
export function testOnBoth(
  name: string,
  run: (world: World, context: TestContext) => Promise<void>,
): void {
  for (const subject of ["memory", "embedded"] as const) {
    test(`${subject}: ${name}`, { timeout: 120_000 }, async (context) => {
      const world = await World.on(subject === "memory" ? memory() : directJournal(context));
      world.routed(Counted, Uncounted);
      try {
        await run(world, context);
      } finally {
        await world.close();
      }
    });
  }
}

/** Publishes one message for each word, as "a1" for number 1 of key "a". */
export async function publishWords(
  world: World,
  words: string,
  options?: MessageOptions,
): Promise<void> {
  const data = words
    .split(" ")
    .map((word) => ({ key: word.slice(0, 1), n: Number(word.slice(1)) }));
  await world.publish(data, Counted, options);
}

/** A subscription, and what its handler saw: "a1", or with what was told "a3 gap 1". */
export interface Counting extends Started {
  readonly seen: string[];
}

/** Subscribes with a sequence, effectively once. */
export async function countWith(
  world: World,
  options: Partial<DeliveryOptions>,
  handler?: Handler,
  wrap?: (consumer: Consumer) => Consumer,
): Promise<Counting> {
  const seen: string[] = [];
  const handle: Handler = async (message, context) => {
    const result = await handler?.(message, context);
    const { kind, missing } = context.sequence ?? { kind: "none", missing: 0 };
    const { n } = message.data as { readonly n: number };
    const word = `${keyOf(message)}${n}`;
    const told = missing > 0 ? `${word} ${kind} ${missing}` : `${word} ${kind}`;
    seen.push(kind === "in-order" ? word : told);
    return result;
  };
  const contracts = [Counted, Uncounted];
  const all = { contracts, delivery: "effectively-once", ...options } as const;
  const started = await world.subscribe(handle, all, wrap === undefined ? {} : { wrap });
  return { ...started, seen };
}
