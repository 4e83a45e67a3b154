// Commands as a service sends, handles and requests them; no type is written by hand.
import { defineCommand } from "spillway";
import { z } from "zod";
import { bus } from "./bus.ts";
import { InvoiceIssued, OrderPlaced, ReleaseStock, ReserveStock } from "./contracts.ts";

export const PackParcel = defineCommand("com.acme.parcel.pack", {
  data: z.object({ orderId: z.string() }),
  replies: {},
});
const tables = { stock: z.int() };

await bus.send(ReserveStock, { sku: "a", count: 1 }, { replyTo: "billing.answers" });
await bus.send(PackParcel, { orderId: "7" });

await bus.handle(ReserveStock, (message) =>
  message.data.count > 3
    ? ReserveStock.replies.outOfStock({ left: 3 })
    : ReserveStock.replies.reserved({ until: "2030-01-31T12:00:00Z" }),
);
await bus.handle(ReserveStock, { concurrency: 8 }, async (message) => {
  const reply = ReserveStock.replies.reserved({ until: "2030-01-31T12:00:00Z" });
  return [reply, InvoiceIssued.message({ orderId: message.data.sku, cents: 1 }), undefined];
});
const handled = await bus.handle(
  ReleaseStock,
  { group: "stock", delivery: "effectively-once", state: tables },
  async (message, context) => {
    const left = (await context.state.stock.get(message.data.sku)) ?? 0;
    await context.state.stock.set(message.data.sku, left + 1);
    return ReleaseStock.replies.released({});
  },
);
console.log((await handled.state.stock.get("a"))?.toFixed());
await bus.handle(PackParcel, async () => undefined);
await bus.handle(PackParcel, (message) => [
  InvoiceIssued.message({ orderId: message.data.orderId, cents: 1 }),
]);

const outcome = await bus.request(ReserveStock, { sku: "a", count: 1 }, { timeoutMs: 5_000 });
switch (outcome.type) {
  case "reserved":
    console.log(outcome.data.until.length);
    break;
  case "outOfStock":
    console.log(outcome.data.left.toFixed());
    break;
  case "failed":
    console.log(outcome.code, outcome.reason, outcome.attempts.toFixed());
    break;
  case "timeout":
  case "expired":
  case "unhandled":
    break;
  default:
    outcome satisfies never;
}

const kept = await bus.replies(
  ReserveStock,
  { replyTo: "billing.answers", delivery: "effectively-once", state: tables },
  async (reply, context) => {
    switch (reply.type) {
      case "reserved":
        await context.state.stock.set(reply.requestId, reply.data.until.length);
        return InvoiceIssued.message({ orderId: reply.correlationId, cents: 1 });
      case "outOfStock":
        return undefined;
      case "failed":
        console.log(reply.reason, reply.attempts.toFixed());
        return undefined;
      case "expired":
        return undefined;
      default:
        return reply satisfies never;
    }
  },
);
console.log(await kept.state.stock.get("7"));

const scattered = await bus.scatter(ReserveStock, { sku: "a", count: 1 }, { counts: ["reserved"] });
for (const { handler, outcome: part } of scattered.parts) {
  if (part.type === "reserved") console.log(handler, part.data.until.length);
}
const gathered = await bus.gather(
  [ReserveStock.message({ sku: "a", count: 1 }), ReleaseStock.message({ sku: "a" })],
  { quorum: 1 },
);
if (gathered.parts[0].type === "outOfStock") console.log(gathered.parts[0].data.left.toFixed());
if (gathered.parts[1].type === "released") console.log(gathered.type);
const aggregation = await bus.aggregate(
  OrderPlaced,
  {
    name: "reservation",
    commands: [ReserveStock, ReleaseStock],
    ask: ({ data }) => [
      ReserveStock.message({ sku: data.orderId, count: 1 }),
      ReleaseStock.message({ sku: data.orderId }),
    ],
    keep: ({ data }) => ({ order: data.orderId }),
    state: tables,
  },
  async ({ kept, parts }, context) => {
    for (const part of parts) {
      if (part.command === ReleaseStock.type || part.outcome.type !== "reserved") continue;
      await context.state.stock.set(kept.order, part.outcome.data.until.length);
    }
    return InvoiceIssued.message({ orderId: kept.order, cents: parts.length });
  },
);
console.log((await aggregation.state.stock.get("7"))?.toFixed());
