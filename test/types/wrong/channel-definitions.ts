// Definitions of channels that must not compile, each for one reason.
import { defineChannel } from "spillway";
import { OrderCancelled, OrderPlaced } from "../right/contracts.ts";

const messages = [OrderPlaced, OrderCancelled] as const;

// The name of a contract instead of the contract.
defineChannel("orders", { messages: [OrderPlaced, "com.acme.order.cancelled"] }); // error 2322

// A contract instead of a list.
defineChannel("orders", { messages: OrderPlaced }); // error 2740

// No messages.
defineChannel("orders", { partitions: 8 }); // error 2345

// A number as text.
defineChannel("orders", { messages, partitions: "16" }); // error 2322

// What overflow does not offer: nothing that was acknowledged is thrown away.
defineChannel("orders", { messages, overflow: "drop" }); // error 2322

// A compression that does not exist.
defineChannel("orders", { messages, compression: "gzip" }); // error 2322

// A misspelt part of the retention.
defineChannel("orders", { messages, retention: { day: 30 } }); // error 2561

// A limit that does not exist.
defineChannel("orders", { messages, limits: { depth: 1_000 } }); // error 2353

// A priority that does not exist.
defineChannel("orders", { messages, priorityOf: () => "urgent" }); // error 2322

// A priority that depends on more than the key.
const bySize = (_key: string, bytes: number) => (bytes > 1_000 ? "low" : "normal");
defineChannel("orders", { messages, priorityOf: bySize }); // error 2322

// A channel does not change after it was defined.
defineChannel("orders", { messages }).partitions = 4; // error 2540
