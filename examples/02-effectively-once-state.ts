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
import { type Bus, createBus, defineEvent } from "spillway";
import { embedded } from "spillway/embedded";
import { z } from "zod";

export const PaymentReceived = defineEvent("com.acme.payment.received", {
  data: z.object({ account: z.string(), cents: z.int() }),
  key: (payment) => payment.account,
});
export const BalanceChanged = defineEvent("com.acme.balance.changed", {
  data: z.object({ account: z.string(), cents: z.int() }),
});
const options = { delivery: "effectively-once", state: { balances: z.int() } } as const;

/** The ledger; `fail` may fail after the change. */
export function startLedger(bus: Bus, fail: (attempt: number) => void) {
  return bus.subscribe(PaymentReceived, options, async ({ data }, { state, attempt }) => {
    const cents = ((await state.balances.get(data.account)) ?? 0) + data.cents;
    await state.balances.set(data.account, cents);
    fail(attempt);
    // Published in the same transaction that stores the balance and acknowledges the payment.
    return BalanceChanged.message({ account: data.account, cents });
  });
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "spillway-example-"));
  {
    await using bus = await createBus({ name: "ledger", transport: embedded({ directory }) });
    let calls = 0;
    await startLedger(bus, (attempt) => {
      calls++;
      if (attempt === 1) throw new Error("failed after the change");
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
    const ledger = await startLedger(bus, () => undefined);
    console.log(`after a restart: ${await ledger.state.balances.get("alice")} cents`);
  }
  rmSync(directory, { recursive: true });
}

// Its test imports this file, too.
if (process.argv[1] === import.meta.filename) await main();
