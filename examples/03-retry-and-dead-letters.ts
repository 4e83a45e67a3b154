/**
 * Four ways in which a handler can end: it succeeds, asks for a later attempt, rejects, or fails
 * until its attempts are used up. The last two leave a dead letter.
 *
 * Prints:
 *   wanted  1 call
 *   slow    2 calls
 *   unknown 1 call, dead letter
 *   broken  3 calls, dead letter
 */
import { createBus, defineEvent, Reject, RetryLater } from "spillway";
import { memory } from "spillway/memory";
import { z } from "zod";

const MailRequested = defineEvent("com.acme.mail.requested", {
  data: z.object({ address: z.string() }),
  key: (mail) => mail.address,
});

await using bus = await createBus({ name: "mailer", transport: memory() });
const calls = new Map<string, number>();
const sent = Promise.withResolvers<void>();

// A message that waits for its next attempt holds back its own key only.
const retry = { attempts: 3, initialMs: 10 };
await bus.subscribe(MailRequested, { retry }, ({ data: { address } }, { attempt }) => {
  calls.set(address, attempt);
  if (address === "slow" && attempt === 1) throw new RetryLater({ afterMs: 20 });
  if (address === "unknown") throw new Reject("no such mailbox");
  if (address === "broken") throw new Error("connection refused");
  if (address === "slow") sent.resolve();
});

const addresses = ["wanted", "slow", "unknown", "broken"];
await bus.publishMany(
  MailRequested,
  addresses.map((address) => ({ address })),
);

// Dead letters are messages too, on com.acme.mail.requested.dead-letters.
const dead = new Set<string | undefined>();
for await (const { envelope } of bus.deadLetters(MailRequested, { follow: true })) {
  dead.add(envelope.key);
  if (dead.size === 2) break;
}
await sent.promise;
for (const address of addresses) {
  const count = calls.get(address) ?? 0;
  const times = `${count} ${count === 1 ? "call" : "calls"}`;
  console.log(`${address.padEnd(7)} ${times}${dead.has(address) ? ", dead letter" : ""}`);
}
