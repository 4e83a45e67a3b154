// What the services of the right side tell each other: events, and the channels they lie on. They
// are kept long, because the ledger reads all of them again.
import { defineChannel } from "../../../contracts/channel.ts";
import { defineEvent } from "../../../contracts/event.ts";
import { object, payloadSchema, text, wholeNumber } from "../../stage/payload-schema.ts";

const order = payloadSchema(
  object({ id: text, customer: text, sku: text, quantity: wholeNumber, cents: wholeNumber }),
);
const retention = { days: 3_650 } as const;

/** A customer ordered, and was told so. */
export const OrderPlaced = defineEvent("spillway.shop.order.placed", {
  data: order,
  // Orders of one article one after the other: its stock is one row.
  key: ({ sku }) => sku,
  owner: "intake",
});

/** The pieces of an order were set aside. */
export const StockReserved = defineEvent("spillway.shop.stock.reserved", {
  data: order,
  key: ({ id }) => id,
  owner: "stock",
});

/** There were not enough pieces. */
export const SoldOut = defineEvent("spillway.shop.stock.sold-out", {
  data: order,
  key: ({ id }) => id,
  owner: "stock",
});

/** The bank took the money. */
export const PaymentTaken = defineEvent("spillway.shop.payment.taken", {
  data: order,
  key: ({ id }) => id,
  owner: "payment",
});

/** The bank declined: the pieces go back. */
export const PaymentDeclined = defineEvent("spillway.shop.payment.declined", {
  data: order,
  key: ({ sku }) => sku,
  owner: "payment",
});

/** The carrier has the parcel. */
export const OrderShipped = defineEvent("spillway.shop.order.shipped", {
  data: order,
  key: ({ id }) => id,
  owner: "shipping",
});

/** The customer was told that nothing will come, and why. */
export const OrderCancelled = defineEvent("spillway.shop.order.cancelled", {
  data: order,
  key: ({ id }) => id,
  owner: "shipping",
});

/** Read by stock: what takes pieces from the shelf, and what puts them back. */
export const orders = defineChannel("orders", {
  messages: [OrderPlaced, PaymentDeclined],
  retention,
});

/** Read by payment. */
export const reservations = defineChannel("reservations", {
  messages: [StockReserved, SoldOut],
  retention,
});

/** Read by shipping. */
export const payments = defineChannel("payments", { messages: [PaymentTaken], retention });

/** How orders ended. */
export const outcomes = defineChannel("outcomes", {
  messages: [OrderShipped, OrderCancelled],
  retention,
});

/** Everything. */
export const shopChannels = [orders, reservations, payments, outcomes] as const;

/** Pieces of an article that nobody has ordered; absent: as many as at the opening. */
export const shelfRow = payloadSchema(object({ units: wholeNumber }));
