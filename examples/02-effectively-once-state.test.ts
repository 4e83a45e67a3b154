// A payment that was handled twice is in the balance once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus } from "spillway";
import { memory } from "spillway/memory";
import { scenario, VirtualClock } from "spillway/testing";
import { BalanceChanged, PaymentReceived, startLedger } from "./02-effectively-once-state.ts";

test("a call that failed after its change has changed nothing", async () => {
  const clock = new VirtualClock();
  await using bus = await createBus({ name: "ledger", transport: memory(), clock });
  const ledger = await startLedger(bus, (attempt) => {
    if (attempt === 1) throw new Error("failed after the change");
  });

  using story = await scenario(bus);
  await story.publish(PaymentReceived, { account: "alice", cents: 100 });
  await story.publish(PaymentReceived, { account: "alice", cents: 200 });
  await story.settled();
  story.assertRetried(PaymentReceived, { times: 2 });
  const changes = story.assertPublished(BalanceChanged, { times: 2 });
  assert.deepEqual(
    changes.map(({ data }) => data.cents),
    [100, 300],
  );
  assert.equal(await ledger.state.balances.get("alice"), 300);
});
