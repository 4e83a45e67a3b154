// Messages made wrongly, and messages treated as if they could change.
import type { MessageOf } from "spillway";
import { InvoiceIssued, OrderCancelled, OrderPlaced, orders } from "../right/contracts.ts";

const lines = [{ sku: "a", count: 1 }];

// Data of the wrong kind, with each of the three validators.
OrderPlaced.message({ orderId: 7, cents: 990, lines }); // error 2322
OrderCancelled.message({ orderId: "7", at: new Date(0) }); // error 2322
InvoiceIssued.message({ orderId: "7", cents: "990" }); // error 2322

// A fault deep inside the data.
OrderPlaced.message({ orderId: "7", cents: 990, lines: [{ sku: "a", count: "1" }] }); // error 2322

// A field is missing, or one too many.
OrderPlaced.message({ orderId: "7", lines }); // error 2345
OrderPlaced.message({ orderId: "7", cents: 990, lines, total: 1 }); // error 2353

// No data at all.
OrderPlaced.message(); // error 2554

// An option that does not exist, and values that options do not take.
InvoiceIssued.message({ orderId: "7", cents: 1 }, { delay: 5 }); // error 2561
InvoiceIssued.message({ orderId: "7", cents: 1 }, { delayMs: "5" }); // error 2322
InvoiceIssued.message({ orderId: "7", cents: 1 }, { priority: "urgent" }); // error 2322
InvoiceIssued.message({ orderId: "7", cents: 1 }, { extensions: { region: {} } }); // error 2322

/** Changes what everybody else receives, too. */
export function change(message: MessageOf<typeof OrderPlaced>): void {
  message.data.cents = 0; // error 2540
  message.data.lines.push({ sku: "b", count: 1 }); // error 2339
  for (const line of message.data.lines) line.count++; // error 2540
  message.data = { orderId: "8", cents: 0, lines: [] }; // error 2540
  message.id = "another"; // error 2540
}

/** Reads a field of one contract before asking which contract it is. */
export function centsOf(message: MessageOf<typeof orders>): number {
  return message.data.cents; // error 2339
}

/** Forgets a contract of the channel. */
export function describe(message: MessageOf<typeof orders>): string {
  switch (message.type) {
    case OrderPlaced.type:
      return message.data.orderId;
    default:
      message satisfies never; // error 1360
      return "";
  }
}

/** Asks for a contract that the channel does not carry. */
export function isInvoice(message: MessageOf<typeof orders>): boolean {
  return message.type === InvoiceIssued.type; // error 2367
}

/** Takes what is published for what is received: the schema has made a date of the text. */
export function atOf(message: MessageOf<typeof OrderCancelled>): string {
  return message.data.at; // error 2322
}
