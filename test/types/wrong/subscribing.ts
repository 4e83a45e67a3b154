// Calls of subscribe, messages and read that must not compile.
import { type MessageOf, resequence } from "spillway";
import { bus } from "../right/bus.ts";
import { InvoiceIssued, OrderCancelled, OrderPlaced, orders } from "../right/contracts.ts";

function onCancelled(message: MessageOf<typeof OrderCancelled>): void {
  console.log(message.data.at);
}
const invoice = { orderId: "7", cents: 990 };

// A handler of another contract, alone and for a channel that also carries others.
await bus.subscribe(OrderPlaced, onCancelled); // error 2345
await bus.subscribe(orders, onCancelled); // error 2345

// No handler.
await bus.subscribe(OrderPlaced, { group: "a" }); // error 2353

// The name of a contract instead of the contract.
await bus.subscribe("com.acme.order.placed", () => undefined); // error 2345

// What a handler returns is no message: a number, data, a contract, or something in the list.
await bus.subscribe(OrderPlaced, () => 5); // error 2322
await bus.subscribe(OrderPlaced, () => invoice); // error 2322
await bus.subscribe(OrderPlaced, () => InvoiceIssued); // error 2322
await bus.subscribe(OrderPlaced, () => [InvoiceIssued.message(invoice), 5]); // error 2322
await bus.subscribe(OrderPlaced, async () => Promise.resolve("done")); // error 2322

// The returned message has wrong data.
await bus.subscribe(
  OrderPlaced,
  (message) => InvoiceIssued.message({ orderId: message.data.cents, cents: 1 }), // error 2322
);

// A field that the data does not have, and one that only another contract has.
await bus.subscribe(OrderPlaced, (message) => {
  console.log(message.data.customerId); // error 2339
});
await bus.subscribe([OrderPlaced, OrderCancelled], (message) => {
  if (message.type === OrderPlaced.type) console.log(message.data.at); // error 2339
});

// A message does not change.
await bus.subscribe(OrderPlaced, { group: "a" }, (message) => {
  message.data.cents = 0; // error 2540
});

// A contract of the channel is forgotten.
await bus.subscribe(orders, (message) => {
  switch (message.type) {
    case OrderCancelled.type:
      return;
    default:
      message satisfies never; // error 1360
  }
});

// Publishing from a handler.
await bus.subscribe(OrderPlaced, async (_message, context) => {
  await context.publish(InvoiceIssued, { orderId: "7" }); // error 2345
});

// The context has no such thing, and cannot settle.
await bus.subscribe(OrderPlaced, async (_message, context) => {
  await context.ack(); // error 2339
});

// Options: values that do not exist, misspelt names, numbers as text.
await bus.subscribe(OrderPlaced, { delivery: "exactly-once" }, () => undefined); // error 2322
await bus.subscribe(OrderPlaced, { order: "keys" }, () => undefined); // error 2820
await bus.subscribe(OrderPlaced, { from: "start" }, () => undefined); // error 2322
await bus.subscribe(OrderPlaced, { from: { at: 5 } }, () => undefined); // error 2353
await bus.subscribe(OrderPlaced, { concurency: 8 }, () => undefined); // error 2561
await bus.subscribe(OrderPlaced, { concurrency: "8" }, () => undefined); // error 2322
await bus.subscribe(OrderPlaced, { retry: { tries: 3 } }, () => undefined); // error 2353

// A sequence without the level that keeps how far it is, an unknown one, rules without a first.
await bus.subscribe(OrderPlaced, { sequence: "check" }, () => undefined); // error 2345
const once = { delivery: "effectively-once" } as const;
await bus.subscribe(orders, { ...once, sequence: "resequence" }, () => undefined); // error 2322
resequence({ waitMsMax: 1_000 }); // error 2345

// Messages by hand: no state, no automatic level, the message's own data.
bus.messages(OrderPlaced, { delivery: "effectively-once" }); // error 2322
bus.messages("com.acme.order.placed"); // error 2345
for await (const delivery of bus.messages(OrderPlaced)) {
  console.log(delivery.message.data.at); // error 2339
  await delivery.settle(); // error 2339
}
for await (const message of bus.read(OrderPlaced)) {
  console.log(message.data.at); // error 2339
}
