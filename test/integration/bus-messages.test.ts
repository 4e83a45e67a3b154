// bus.messages(): settling by hand, bounded prefetch, and what becomes of what was not settled.
import assert from "node:assert/strict";
import { createBus, type Delivery } from "spillway";
import {
  collect,
  eventually,
  InvoiceIssued,
  OrderPlaced,
  someOrders,
  testOnEach,
} from "./bus-subjects.ts";

function take<Item, Last>(step: IteratorResult<Item, Last>): Item {
  assert.ok(step.done !== true);
  return step.value;
}

testOnEach(
  "an acknowledged message is done; the rest is redelivered at once",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport });
    await bus.publishMany(InvoiceIssued, [{ orderId: "0" }, { orderId: "1" }, { orderId: "2" }]);
    const acked = new Set<string>();
    for await (const delivery of bus.messages(InvoiceIssued)) {
      if (acked.size === 2) break;
      const { ack } = delivery;
      await ack();
      acked.add(delivery.message.data.orderId);
    }
    const attempts: number[] = [];
    await bus.subscribe(InvoiceIssued, async (message, context) => {
      assert.ok(!acked.has(message.data.orderId));
      attempts.push(context.attempt);
    });
    await eventually(() => attempts.length === 1);
    assert.deepEqual(attempts, [1]);
  },
);

testOnEach("ack resolves when it is durable", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  await bus.publish(InvoiceIssued, { orderId: "0" });
  for await (const delivery of bus.messages(InvoiceIssued)) {
    const depth = async (): Promise<number | undefined> =>
      (await bus.stats()).channels[0]?.groups[0]?.depth;
    assert.equal(await depth(), 1);
    await delivery.ack();
    assert.equal(await depth(), 0);
    await delivery.ack();
    break;
  }
});

testOnEach("no more is fetched than may be held", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  await bus.publishMany(OrderPlaced, someOrders(50));
  const held: Delivery[] = [];
  const iterator = bus.messages(OrderPlaced, { concurrency: 5 })[Symbol.asyncIterator]();
  for (let index = 0; index < 5; index++) held.push(take(await iterator.next()));
  let sixth: unknown;
  const waiting = iterator.next().then((step) => {
    sixth = step.value;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(sixth, undefined);
  await held[3]?.ack();
  await waiting;
  assert.notEqual(sixth, undefined);
  await iterator.return?.();
});

testOnEach("retry delivers again, reject makes a dead letter", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  await bus.publishMany(InvoiceIssued, [{ orderId: "later" }, { orderId: "never" }]);
  const seen: string[] = [];
  for await (const delivery of bus.messages(InvoiceIssued, { retry: { initialMs: 1, maxMs: 1 } })) {
    const { orderId } = delivery.message.data;
    seen.push(orderId);
    if (orderId === "never") await delivery.reject("unknown customer");
    else if (seen.filter((each) => each === "later").length === 3) await delivery.ack();
    else await delivery.retry(seen.length === 1 ? { afterMs: 1 } : {});
    if (seen.length === 4) break;
  }
  assert.deepEqual([...seen].sort(), ["later", "later", "later", "never"]);
  const [letter, ...others] = await collect(bus.deadLetters(InvoiceIssued));
  assert.equal(others.length, 0);
  assert.match(String(letter?.envelope.payload), /never/);
  assert.equal((await bus.stats()).channels[0]?.groups[0]?.depth, 0);
});

testOnEach("a signal ends the loop", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const controller = new AbortController();
  const { signal } = controller;
  await bus.publish(InvoiceIssued, { orderId: "0" });
  const seen: string[] = [];
  for await (const delivery of bus.messages(InvoiceIssued, { signal })) {
    seen.push(delivery.message.data.orderId);
    await delivery.ack();
    controller.abort();
  }
  assert.deepEqual(seen, ["0"]);
  assert.deepEqual(await collect(bus.messages(InvoiceIssued, { signal })), []);
});

testOnEach("closing the bus ends the loop after what was taken is settled", async (transport) => {
  const bus = await createBus({ name: "shop", transport });
  await bus.publishMany(OrderPlaced, someOrders(20));
  let settled = 0;
  let closed: Promise<void> | undefined;
  for await (const delivery of bus.messages(OrderPlaced)) {
    closed ??= bus.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await delivery.ack();
    settled++;
  }
  await closed;
  assert.equal(settled, 1);
});

testOnEach("a loop that cannot start rejects", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  await bus.subscribe(OrderPlaced, { group: "taken" }, async () => undefined);
  await assert.rejects(collect(bus.messages([OrderPlaced, InvoiceIssued])), {
    code: "CONTRACT_CONFLICT",
  });
  await assert.rejects(collect(bus.messages(OrderPlaced, { concurrency: 0 })), {
    code: "INVALID_ARGUMENT",
  });
});

testOnEach("at-most-once: settling waits for nothing", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  await bus.publishMany(OrderPlaced, someOrders(2));
  const seen: string[] = [];
  for await (const delivery of bus.messages(OrderPlaced, { delivery: "at-most-once" })) {
    if (seen.push(delivery.message.data.orderId) === 2) break;
    await delivery.ack();
  }
  assert.equal(seen.length, 2);
});
