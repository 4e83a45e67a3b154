// Contracts of a small shop, as a user writes them; the other programs build on these.
import { type } from "arktype";
import { defineChannel, defineCommand, defineEvent, upcastFrom } from "spillway";
import * as v from "valibot";
import { z } from "zod";

/** With zod, a key, and data that contains lists and dates as text. */
export const OrderPlaced = defineEvent("com.acme.order.placed", {
  version: 2,
  data: z.object({
    orderId: z.string(),
    cents: z.int(),
    lines: z.array(z.object({ sku: z.string(), count: z.int() })),
  }),
  key: (order) => order.orderId,
  owner: "orders",
  classification: "internal",
});

/** With valibot; what a handler receives differs from what is published. */
export const OrderCancelled = defineEvent("com.acme.order.cancelled", {
  data: v.object({
    orderId: v.string(),
    at: v.pipe(
      v.string(),
      v.transform((text) => new Date(text)),
    ),
  }),
  key: (order) => order.orderId,
});

/** With arktype. */
export const InvoiceIssued = defineEvent("com.acme.invoice.issued", {
  data: type({ orderId: "string", cents: "number.integer", "note?": "string" }),
  key: (invoice) => invoice.orderId,
});

const name = "com.acme.customer.moved";
export const MovedV1 = defineEvent(name, { data: z.object({ address: z.string() }) });
export const MovedV2 = defineEvent(name, {
  version: 2,
  data: z.object({ street: z.string(), city: z.string() }),
  upcasts: [upcastFrom(MovedV1, (old) => ({ street: old.address, city: "unknown" }))],
});
export const MovedV3 = defineEvent(name, {
  version: 3,
  data: z.object({ lines: z.array(z.string()) }),
  key: (customer) => customer.lines.join(),
  upcasts: [upcastFrom(MovedV2, (old) => ({ lines: [old.street, old.city] }))],
});

export const ReserveStock = defineCommand("com.acme.stock.reserve", {
  data: z.object({ sku: z.string(), count: z.int() }),
  key: (order) => order.sku,
  replies: {
    reserved: z.object({ until: z.iso.datetime() }),
    outOfStock: z.object({ left: z.int() }),
  },
});

export const ReleaseStock = defineCommand("com.acme.stock.release", {
  data: z.object({ sku: z.string() }),
  replies: { released: z.object({}) },
});

export const orders = defineChannel("orders", {
  messages: [OrderPlaced, OrderCancelled],
  partitions: 16,
  retention: { days: 30, bytes: 1e9, unread: "keep" },
  limits: { depthMax: 1e6 },
  overflow: "wait",
  compression: "zstd",
  priorityOf: (key) => (key.startsWith("vip") ? "high" : "normal"),
});
