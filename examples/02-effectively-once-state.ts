/**
 * Keeps a balance in the journal. The handler fails after every first change, so each payment is
 * delivered twice; the balance has each of them once, also for the next process.
 *
 * Prints:
 *   3 payments, 6 handler calls
 *   after a restart: 600 cents
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBus, defineEvent } from "spillway";
import { embedded } from "spillway/embedded";
import { z } from "zod";

const PaymentReceived = defineEvent("com.acme.payment.received", {
  data: z.object({ account: z.string(), cents: z.int() }),
  key: (payment) => payment.account,
});
const BalanceChanged = defineEvent("com.acme.balance.changed", {
  data: z.object({ account: z.string(), cents: z.int() }),
});
const options = { delivery: "effectively-once", state: { balances: z.int() } } as const;
const directory = mkdtempSync(join(tmpdir(), "spillway-example-"));

{
  await using bus = await createBus({ name: "ledger", transport: embedded({ directory }) });
  let calls = 0;
  await bus.subscribe(PaymentReceived, options, async ({ data }, { state, attempt }) => {
    calls++;
    const cents = ((await state.balances.get(data.account)) ?? 0) + data.cents;
    await state.balances.set(data.account, cents);
    if (attempt === 1) throw new Error("failed after the change");
    // Published in the same transaction that stores the balance and acknowledges the payment.
    return BalanceChanged.message({ account: data.account, cents });
  });
  const payments = [100, 200, 300].map((cents) => ({ account: "alice", cents }));
  await bus.publishMany(PaymentReceived, payments);

  for await (const delivery of bus.messages(BalanceChanged)) {
    await delivery.ack();
    if (delivery.message.data.cents === 600) break;
  }
  console.log(`${payments.length} payments, ${calls} handler calls`);
}

{
  await using bus = await createBus({ name: "ledger", transport: embedded({ directory }) });
  const ledger = await bus.subscribe(PaymentReceived, options, () => undefined);
  console.log(`after a restart: ${await ledger.state.balances.get("alice")} cents`);
}
rmSync(directory, { recursive: true });
