// Messages and replies: what is inferred for those who make them and those who receive them.
import type { MessageOf, ReplyOf } from "spillway";
import {
  InvoiceIssued,
  MovedV1,
  MovedV2,
  OrderCancelled,
  OrderPlaced,
  type orders,
  ReserveStock,
} from "./contracts.ts";

/** A function of one contract's message; what it makes is published by whoever returns it. */
export function invoiceOf(message: MessageOf<typeof OrderPlaced>) {
  const total = message.data.lines.reduce((sum, line) => sum + line.count, 0);
  return InvoiceIssued.message(
    { orderId: message.data.orderId, cents: message.data.cents, note: total.toFixed() },
    { subject: message.id, priority: "high", extensions: { region: "eu", urgent: true, tries: 1 } },
  );
}

/** A channel's message is narrowed by its type. */
export function describe(message: MessageOf<typeof orders>): string {
  switch (message.type) {
    case OrderPlaced.type:
      return `${message.data.orderId}: ${message.data.cents.toFixed()}`;
    case OrderCancelled.type:
      return message.data.at.toISOString();
    default:
      return message satisfies never;
  }
}

const moves = [MovedV1, MovedV2] as const;

/** Versions of one type are told apart by their version. */
export function cityOf(message: MessageOf<typeof moves>): string {
  return message.version === 1 ? message.data.address : message.data.city;
}

/** What was received can be published again as it is. */
export function again(message: MessageOf<typeof OrderPlaced>) {
  return OrderPlaced.message(message.data, { key: "other", delayMs: 5, expiresInMs: 1_000 });
}

/** Replies are a closed set. */
export function untilOf(reply: ReplyOf<typeof ReserveStock>): string {
  switch (reply.type) {
    case "reserved":
      return reply.data.until;
    case "outOfStock":
      return reply.data.left.toFixed();
    default:
      return reply satisfies never;
  }
}

untilOf(ReserveStock.replies.outOfStock({ left: 0 }));
untilOf(ReserveStock.replies.reserved({ until: "2030-01-31T12:00:00Z" }));
