// Error policies: every matcher, every action, and the calls that take them.
import {
  deadLetter,
  discard,
  errorPolicy,
  exponential,
  fallback,
  immediate,
  linear,
  otherwise,
  park,
  pause,
  retry,
  when,
} from "spillway";
import { z } from "zod";
import { bus } from "./bus.ts";
import { OrderPlaced, orders, ReserveStock } from "./contracts.ts";

class PaymentDownError extends Error {}
declare function isTransient(error: unknown): boolean;
const schedule = exponential({ initialMs: 100, maxMs: 30_000, jitter: "full" });
const bounds = { attempts: 5, ageMsMax: 600_000 };

const errors = errorPolicy(
  when(PaymentDownError, pause({ failures: 5, windowMs: 10_000, probeAfterMs: 1_000 })),
  when({ code: "CARD_DECLINED" }, discard("declined by the bank")),
  when((error) => isTransient(error), retry(schedule, bounds).then(deadLetter("still failing"))),
  when(isTransient, retry(immediate()).then(pause())),
  when(RangeError, fallback((message, error) => console.log(message.id, error)).then(park())),
  when(TypeError, retry(linear({ stepMs: 5 })).then(fallback(() => undefined).then(discard("x")))),
  otherwise(retry().then(deadLetter())),
);

await bus.subscribe(OrderPlaced, { errors }, async () => undefined);
await bus.subscribe(
  OrderPlaced,
  { errors: errorPolicy(otherwise(park())), delivery: "effectively-once" },
  async () => undefined,
);
await bus.handle(ReserveStock, { errors, concurrency: 4 }, async () =>
  ReserveStock.replies.outOfStock({ left: 0 }),
);
declare const delivery: "at-least-once" | "effectively-once";
await bus.subscribe(OrderPlaced, { delivery }, async () => undefined);

const tables = { seen: z.boolean() };
const kept = await bus.subscribeBatch(
  orders,
  { batch: { messagesMax: 10, waitMs: 5 }, errors, delivery: "effectively-once", state: tables },
  async (items) => {
    for (const { message, context } of items) {
      if (message.type === OrderPlaced.type) console.log(message.data.cents);
      await context.state.seen.set(message.id, true);
    }
  },
);
console.log((await kept.state.seen.get("7")) === true, kept.circuits[0]?.limit, kept.held.length);
