// Calls of createBus, publish and publishMany that must not compile.
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { memory } from "spillway/memory";
import { bus } from "../right/bus.ts";
import { OrderCancelled, OrderPlaced, orders, ReserveStock } from "../right/contracts.ts";

const order = { orderId: "7", cents: 990, lines: [] };

// A bus without a transport, without a name, with a misspelt or a wrong option.
await createBus({ name: "billing" }); // error 2345
await createBus({ transport: memory() }); // error 2345
await createBus({ name: "billing", transport: "memory" }); // error 2322
await createBus({ name: "billing", transport: memory(), pending: 5 }); // error 2353
await createBus({ name: "billing", transport: memory(), channels: orders }); // error 2740
await createBus({ name: "billing", transport: memory(), use: [() => undefined] }); // error 2322
embedded({ dir: "./data" }); // error 2353

// Data that does not fit: a wrong kind, a missing field, one too many, another contract's.
await bus.publish(OrderPlaced, { orderId: "7", cents: "990", lines: [] }); // error 2322
await bus.publish(OrderPlaced, { orderId: "7", cents: 990 }); // error 2345
await bus.publish(OrderPlaced, { orderId: "7", cents: 990, lines: [], vat: 1 }); // error 2353
await bus.publish(OrderCancelled, order); // error 2345
await bus.publish(OrderPlaced); // error 2554

// What is no event: a command has one receiver, a channel is a place, a name is text.
await bus.publish(ReserveStock, { sku: "a", count: 1 }); // error 2345
await bus.publish(orders, order); // error 2345
await bus.publish("com.acme.order.placed", order); // error 2345

// Many where one is needed, one where many are needed, and one of many that is wrong.
await bus.publish(OrderPlaced, [order]); // error 2345
await bus.publishMany(OrderPlaced, order); // error 2345
await bus.publishMany(OrderPlaced, [order, { orderId: 7, cents: 1, lines: [] }]); // error 2345

// One id cannot belong to many messages.
await bus.publishMany(OrderPlaced, [order], { id: "7" }); // error 2353
await bus.publishMany(OrderPlaced, [order], { sequence: 7 }); // error 2353

// Options.
await bus.publish(OrderPlaced, order, { delay: 5 }); // error 2561
await bus.publish(OrderPlaced, order, { expiresInMs: "1000" }); // error 2322
await bus.publish(OrderPlaced, order, { signal: new AbortController() }); // error 2740
await bus.publish(OrderPlaced, order, { priority: "urgent" }); // error 2322

// A receipt has no data, and it does not change.
const receipt = await bus.publish(OrderPlaced, order);
console.log(receipt.data); // error 2339
receipt.channel = "other"; // error 2540
