// Uses of a handler's state that must not compile.
import type { ContextOf } from "spillway";
import { z } from "zod";
import { bus } from "../right/bus.ts";
import { OrderPlaced } from "../right/contracts.ts";

const state = { accounts: z.object({ cents: z.int(), tags: z.array(z.string()) }) };
const once = { delivery: "effectively-once", state } as const;

// A table that was not declared.
await bus.subscribe(OrderPlaced, once, async (_message, context) => {
  await context.state.customers.get("7"); // error 2339
});

// A value that does not fit, a part of one, and a key that is no text.
await bus.subscribe(OrderPlaced, once, async (_message, context) => {
  await context.state.accounts.set("7", { cents: "0", tags: [] }); // error 2322
  await context.state.accounts.set("7", { cents: 0 }); // error 2345
  await context.state.accounts.set(7, { cents: 0, tags: [] }); // error 2345
  await context.state.accounts.get(7); // error 2345
});

// A value that may be absent, and one that is not what it is taken for.
await bus.subscribe(OrderPlaced, once, async (_message, context) => {
  const account = await context.state.accounts.get("7");
  console.log(account.cents); // error 18048
  console.log(account?.balance); // error 2339
});

// A value does not change in place: only set() is stored.
await bus.subscribe(OrderPlaced, once, async (_message, context) => {
  const account = await context.state.accounts.get("7");
  if (account !== undefined) account.cents = 0; // error 2540
  account?.tags.push("new"); // error 2339
});

// State without the guarantee that makes it exact.
await bus.subscribe(OrderPlaced, { state }, () => undefined); // error 2345
const repeated = { delivery: "at-least-once", state } as const;
await bus.subscribe(OrderPlaced, repeated, () => undefined); // error 2345

// A table without a schema.
await bus.subscribe(
  OrderPlaced,
  { delivery: "effectively-once", state: { accounts: "number" } }, // error 2322
  () => undefined,
);

// No state was declared at all.
await bus.subscribe(OrderPlaced, async (_message, context) => {
  await context.state.accounts.get("7"); // error 2339
});

// From outside it is read, never written.
const subscription = await bus.subscribe(OrderPlaced, once, () => undefined);
await subscription.state.accounts.set("7", { cents: 0, tags: [] }); // error 2339
await subscription.state.customers.get("7"); // error 2339

/** A function that declares which tables it needs. */
async function debit(context: ContextOf<typeof state>, cents: string) {
  await context.state.accounts.set("7", { cents, tags: [] }); // error 2322
}

// A context with other tables than the function needs.
const others = { delivery: "effectively-once", state: { accounts: z.boolean() } } as const;
await bus.subscribe(OrderPlaced, others, async (_message, context) => {
  await debit(context, "7"); // error 2345
});
