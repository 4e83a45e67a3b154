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
import { type Bus, createBus, defineEvent, Reject, RetryLater } from "spillway";
import { memory } from "spillway/memory";
import { z } from "zod";

export const MailRequested = defineEvent("com.acme.mail.requested", {
  data: z.object({ address: z.string() }),
  key: (mail) => mail.address,
});

/** Tells of each attempt, and of each mail that was sent. */
export async function startMailer(
  bus: Bus,
  note: (address: string, attempt: number) => void,
  sent: (address: string) => void,
): Promise<void> {
  // A message that waits for its next attempt holds back its own key only.
  const retry = { attempts: 3, initialMs: 10 };
  await bus.subscribe(MailRequested, { retry }, ({ data: { address } }, { attempt }) => {
    note(address, attempt);
    if (address === "slow" && attempt === 1) throw new RetryLater({ afterMs: 20 });
    if (address === "unknown") throw new Reject("no such mailbox");
    if (address === "broken") throw new Error("connection refused");
    sent(address);
  });
}

async function main(): Promise<void> {
  await using bus = await createBus({ name: "mailer", transport: memory() });
  const calls = new Map<string, number>();
  const slow = Promise.withResolvers<void>();
  const note = (address: string, attempt: number): void => void calls.set(address, attempt);
  await startMailer(bus, note, (address) => {
    if (address === "slow") slow.resolve();
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
  await slow.promise;
  for (const address of addresses) {
    const count = calls.get(address) ?? 0;
    const times = `${count} ${count === 1 ? "call" : "calls"}`;
    console.log(`${address.padEnd(7)} ${times}${dead.has(address) ? ", dead letter" : ""}`);
  }
}

// Its test imports this file, too.
if (process.argv[1] === import.meta.filename) await main();
