// Calls of send, handle and request that must not compile.
import type { MessageOf } from "spillway";
import { bus } from "../right/bus.ts";
import { InvoiceIssued, OrderPlaced, ReleaseStock, ReserveStock } from "../right/contracts.ts";
import { PackParcel } from "../right/requests.ts";

const until = "2030-01-31T12:00:00Z";
const wanted = { sku: "a", count: 1 };
const order = { orderId: "7", cents: 1, lines: [] };
const invoice = InvoiceIssued.message({ orderId: "7", cents: 1 });

// The reply is forgotten: altogether, on one path, in an empty list, beside a message.
await bus.handle(ReserveStock, () => undefined); // error 2322
await bus.handle(ReserveStock, async () => {}); // error 2345
async function onlyWithMany(message: MessageOf<typeof ReserveStock>) {
  return message.data.count > 3 ? ReserveStock.replies.outOfStock({ left: 3 }) : undefined;
}
await bus.handle(ReserveStock, onlyWithMany); // error 2345
await bus.handle(ReserveStock, () => []); // error 2322
await bus.handle(ReserveStock, () => invoice); // error 2322
await bus.handle(ReserveStock, () => [invoice]); // error 2322

// A reply that the command does not declare: by name, of another command, made by hand.
await bus.handle(ReserveStock, () => ReserveStock.replies.sold({ until })); // error 2339
await bus.handle(ReserveStock, () => ReleaseStock.replies.released({})); // error 2322
await bus.handle(ReserveStock, () => "reserved"); // error 2322

// A reply with wrong data.
await bus.handle(ReserveStock, () => ReserveStock.replies.reserved({ left: 3 })); // error 2353
await bus.handle(ReserveStock, () => ReserveStock.replies.outOfStock({ left: "3" })); // error 2322

// Two replies, something that is no message beside the reply.
await bus.handle(ReserveStock, () => [
  ReserveStock.replies.reserved({ until }),
  ReserveStock.replies.outOfStock({ left: 3 }), // error 2739
]);
await bus.handle(ReserveStock, () => [ReserveStock.replies.reserved({ until }), 5]); // error 2322

// A command without replies gives none.
await bus.handle(PackParcel, () => ReleaseStock.replies.released({})); // error 2322

// An event is published, not sent, handled or requested.
await bus.handle(OrderPlaced, () => undefined); // error 2345
await bus.send(OrderPlaced, order); // error 2345
await bus.request(OrderPlaced, order); // error 2345
await bus.publish(ReserveStock, wanted); // error 2345

// Options that do not exist here, or not together.
await bus.handle(ReserveStock, { delivery: "at-most-once" }, () => undefined); // error 2322
await bus.request(ReserveStock, wanted, { timeout: 5_000 }); // error 2561
await bus.request(ReserveStock, wanted, { replyTo: "answers" }); // error 2353

// Data that the command does not take.
await bus.send(ReserveStock, { sku: "a" }); // error 2345
await bus.request(ReserveStock, { sku: "a", count: "one" }); // error 2322

/** Forgets outcomes: the compiler says that not all are handled. */
export async function isReserved() {
  const outcome = await bus.request(ReserveStock, wanted);
  switch (outcome.type) {
    case "reserved":
      return true;
    case "outOfStock":
    case "failed":
    case "timeout":
    case "unhandled":
      return false;
    default:
      outcome satisfies never; // error 1360
      return false;
  }
}

/** Asks for an outcome that there is not, and for data that an outcome does not have. */
export async function ask() {
  const outcome = await bus.request(ReserveStock, wanted);
  if (outcome.type === "sold") return ""; // error 2367
  if (outcome.type === "timeout") return outcome.data; // error 2339
  return outcome.type === "reserved" ? outcome.data.left : ""; // error 2339
}

// Kept replies: where they go, of what, and which there are.
await bus.replies(ReserveStock, {}, () => undefined); // error 2345
await bus.replies(OrderPlaced, { replyTo: "answers" }, () => undefined); // error 2345
await bus.replies(ReserveStock, { replyTo: "answers" }, (reply) => {
  if (reply.type === "timeout") return; // error 2367
  if (reply.type === "reserved") console.log(reply.data.left); // error 2339
});

// Scatter and gather: of commands, with options and replies that there are.
await bus.scatter(OrderPlaced, order); // error 2345
await bus.scatter(ReserveStock, wanted, { counts: ["sold"] }); // error 2322
await bus.scatter(ReserveStock, wanted, { replyTo: "answers" }); // error 2353
await bus.gather([invoice]); // error 2322

/** Looks for replies that a part cannot have, and for a part that there is not. */
export async function gathered() {
  const asked = [ReserveStock.message(wanted), ReleaseStock.message({ sku: "a" })] as const;
  const { parts } = await bus.gather(asked);
  if (parts[1].type === "reserved") return ""; // error 2367
  return parts[2]; // error 2493
}

/** Looks for a reply that the handlers of a scattered command cannot give. */
export async function scattered() {
  const { parts } = await bus.scatter(ReserveStock, wanted);
  return parts.some(({ outcome }) => outcome.type === "timeout"); // error 2367
}
