// A whole service: publishing, subscribing, state, reading; no type is written by hand.
import {
  type ContextOf,
  createBus,
  onConsume,
  onPublish,
  Reject,
  resequence,
  RetryLater,
} from "spillway";
import { embedded } from "spillway/embedded";
import { memory } from "spillway/memory";
import { z } from "zod";
import {
  InvoiceIssued,
  MovedV3,
  OrderCancelled,
  OrderPlaced,
  orders,
  ReserveStock,
} from "./contracts.ts";
import { invoiceOf } from "./messages.ts";

export const bus = await createBus({
  name: "billing",
  transport: memory(),
  channels: [orders],
  use: [
    onConsume(async (message, context, next) => {
      if (context.attempt > 1) console.log(message.id);
      return next();
    }),
    onPublish((message) => message.contract.message(message.data, { subject: "s" })),
  ],
});

const durable = await createBus({ name: "audit", transport: embedded({ directory: "./data" }) });

const order = { orderId: "7", cents: 990, lines: [{ sku: "a", count: 1 }] };
const controller = new AbortController();
const receipt = await bus.publish(OrderPlaced, order, {
  id: "order 7",
  correlationId: "c",
  signal: controller.signal,
});
const receipts = await bus.publishMany(OrderPlaced, [order, order], { priority: "low" });
console.log(
  receipt.id,
  receipts.map((each) => each.offset ?? -1),
);
await bus.publish(OrderCancelled, { orderId: "7", at: "2030-01-31T12:00:00Z" });

/** A function that a handler calls, with the tables it needs. */
const tables = { accounts: z.object({ cents: z.int() }), seen: z.boolean() };
async function debit(context: ContextOf<typeof tables>, id: string, cents: number) {
  const account = await context.state.accounts.get(id);
  await context.state.accounts.set(id, { cents: (account?.cents ?? 0) - cents });
}

const subscription = await bus.subscribe(
  orders,
  { group: "ledger", order: "key", concurrency: 8, delivery: "effectively-once", state: tables },
  async (message, context) => {
    switch (message.type) {
      case OrderPlaced.type:
        await debit(context, message.data.orderId, message.data.cents);
        await context.state.seen.set(message.data.orderId, true);
        return invoiceOf(message);
      case OrderCancelled.type:
        if (message.data.at.getTime() > 0) throw new Reject("too late");
        await context.state.seen.delete(message.data.orderId);
        return undefined;
      default:
        return message satisfies never;
    }
  },
);
const account = await subscription.state.accounts.get("7");
console.log(account?.cents.toFixed());
for await (const [key, row] of subscription.state.accounts.entries()) console.log(key, row.cents);

await bus.subscribe(OrderPlaced, (message) => [
  invoiceOf(message),
  message.data.cents > 100 ? ReserveStock.message({ sku: "a", count: 1 }) : undefined,
]);
await bus.subscribe(MovedV3, { from: { timeMs: 0 }, retry: { attempts: 2 } }, (message) => {
  if (message.data.lines.length === 0) throw new RetryLater({ afterMs: 100 });
});
await bus.subscribe([OrderPlaced, OrderCancelled], { delivery: "at-most-once" }, (message) => {
  if (message.type === OrderCancelled.type) console.log(message.data.at.toISOString());
});
const numbered = { delivery: "effectively-once", sequence: resequence({ first: 1 }) } as const;
await bus.subscribe(OrderPlaced, numbered, async (message, { sequence }) => {
  if (sequence?.kind === "gap") console.log(sequence.number - (sequence.expected ?? 0));
  console.log(message.sequence?.toFixed());
});
await bus.subscribe(OrderPlaced, { delivery: "effectively-once", sequence: "check" }, () => {});
await durable.subscribe(InvoiceIssued, { from: "latest" }, async (message, context) => {
  await context.publish(InvoiceIssued, { ...message.data, note: context.idempotencyKey });
});

for await (const delivery of bus.messages(orders, { group: "audit" })) {
  if (delivery.message.type === OrderPlaced.type) console.log(delivery.message.data.lines);
  await delivery.ack();
}
for await (const message of bus.read(OrderPlaced, { from: { offset: 3 } })) {
  console.log(message.data.cents);
}
await subscription.close();
await bus.close({ timeoutMs: 5_000 });
