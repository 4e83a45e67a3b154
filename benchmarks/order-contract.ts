// The contract of the data that Spillway's side of every scenario publishes and consumes.
import { defineChannel, defineEvent } from "spillway";
import { z } from "zod";

export const OrderPlaced = defineEvent("bench.order.placed", {
  data: z.object({
    orderId: z.string(),
    customer: z.int(),
    cents: z.int(),
    currency: z.string(),
    note: z.string(),
  }),
  key: (order) => order.orderId,
});
export const orders = defineChannel("bench.orders", { messages: [OrderPlaced] });
