// Definitions of commands, and uses of their replies, that must not compile.
import { defineCommand, type ReplyOf } from "spillway";
import { z } from "zod";
import { ReleaseStock, ReserveStock } from "../right/contracts.ts";

const data = z.object({ sku: z.string() });
const done = z.object({ at: z.string() });

// No replies.
defineCommand("com.acme.a", { data }); // error 2345

// Names that mean something else in the outcome of a request.
defineCommand("com.acme.a", { data, replies: { done, timeout: done } }); // error 2375
defineCommand("com.acme.a", { data, replies: { done, failed: done } }); // error 2375
defineCommand("com.acme.a", { data, replies: { done, expired: done } }); // error 2375
defineCommand("com.acme.a", { data, replies: { done, unhandled: done } }); // error 2375

// A reply without a schema.
defineCommand("com.acme.a", { data, replies: { done: "yes" } }); // error 2322

// A reply that the command does not have.
ReserveStock.replies.sold({ until: "2030-01-31" }); // error 2339

// A reply with the data of another reply.
ReserveStock.replies.reserved({ left: 3 }); // error 2353

// A reply with data of the wrong kind.
ReserveStock.replies.outOfStock({ left: "none" }); // error 2322

// A reply without its data.
ReserveStock.replies.reserved(); // error 2554

// The reply of another command.
const reply: ReplyOf<typeof ReserveStock> = ReleaseStock.replies.released({}); // error 2322
console.log(reply);

/** Reads data that only the other reply has. */
export function leftOf(outcome: ReplyOf<typeof ReserveStock>): number {
  if (outcome.type === "reserved") return outcome.data.left; // error 2339
  return outcome.data.left;
}

/** Forgets a reply. */
export function untilOf(outcome: ReplyOf<typeof ReserveStock>): string {
  switch (outcome.type) {
    case "reserved":
      return outcome.data.until;
    default:
      outcome satisfies never; // error 1360
      return "";
  }
}

/** Asks for a reply that the command does not have. */
export function isSold(outcome: ReplyOf<typeof ReserveStock>): boolean {
  return outcome.type === "sold"; // error 2367
}
