// What a bus says about itself: statistics, health and diagnostics channels.
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { createBus, Reject } from "spillway";
import { memory } from "spillway/memory";
import { VirtualClock } from "spillway/testing";
import {
  eventually,
  InvoiceIssued,
  OrderPlaced,
  orders,
  someOrders,
  testOnEach,
} from "./bus-subjects.ts";

const retry = { attempts: 2, initialMs: 1, maxMs: 1 };

testOnEach("depth, lag and counters per channel and group", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  const options = { group: "billing", retry, concurrency: 1 };
  const subscription = await bus.subscribe(orders, options, async (message) => {
    if (message.data.orderId === "order-3") throw new Error("broken");
    if (message.data.orderId === "order-4") throw new Reject("unwanted");
  });
  await bus.publishMany(OrderPlaced, someOrders(10));
  await eventually(async () => (await subscription.stats()).acked === 10);
  const { channels } = await bus.stats();
  const channel = channels.find((each) => each.channel === "orders");
  assert.deepEqual(
    [channel?.depth, channel?.partitions, channel?.published, channel?.delayed],
    [10, 4, 10, 0],
  );
  assert.equal(
    channel?.publishedBytes,
    someOrders(10)
      .map((each) => JSON.stringify(each) + each.orderId)
      .join("").length,
  );
  assert.ok((channel?.publishedPerSecond ?? 0) > 0);
  assert.deepEqual(channel?.logs.map((log) => [log.priority, log.startOffset, log.endOffset])[0], [
    "normal",
    0,
    10,
  ]);
  const group = channel?.groups.find((each) => each.group === "billing");
  assert.deepEqual([group?.depth, group?.open, group?.members], [0, 0, 1]);
  assert.deepEqual([group?.deadLettered, group?.retried, group?.failed], [2, 1, 3]);
  assert.ok((group?.latencyMs.p50 ?? 0) >= 1);
  assert.ok((group?.latencyMs.p99 ?? 0) >= (group?.latencyMs.p50 ?? Infinity));
  assert.ok((group?.ackedPerSecond ?? 0) > 0);
  const letters = channels.find((each) => each.channel === "orders.dead-letters");
  assert.equal(letters?.depth, 2);
});

testOnEach("what handlers publish counts as published, by what became of it", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const subscription = await bus.subscribe(OrderPlaced, { retry }, async (message) => {
    const { orderId, cents } = message.data;
    if (cents === 3) throw new Reject("unwanted");
    return InvoiceIssued.message({ orderId }, cents === 0 ? {} : { id: "the same" });
  });
  await bus.publishMany(OrderPlaced, [
    { orderId: "7", cents: 0 },
    { orderId: "7", cents: 1 },
    { orderId: "7", cents: 2 },
    { orderId: "7", cents: 3 },
  ]);
  await eventually(async () => (await subscription.stats()).acked === 4);
  const { channels } = await bus.stats();
  const countsOf = (name: string): unknown[] => {
    const channel = channels.find((each) => each.channel === name);
    return [channel?.published, channel?.duplicates, channel?.rejected, channel?.depth];
  };
  assert.deepEqual(countsOf("test.invoice.issued"), [2, 1, 0, 2]);
  assert.deepEqual(countsOf("test.order.placed.dead-letters"), [1, 0, 0, 1]);
});

test("rates are of the time since the last call, on the bus's own clock", async () => {
  const clock = new VirtualClock();
  await using bus = await createBus({ name: "shop", transport: memory(), clock });
  await bus.subscribe(OrderPlaced, async () => undefined);
  await bus.publishMany(OrderPlaced, someOrders(50));
  await clock.advance(10_000);
  const [first] = (await bus.stats()).channels;
  assert.deepEqual([first?.publishedPerSecond, first?.groups[0]?.ackedPerSecond], [5, 5]);
  await clock.advance(1_000);
  const [second] = (await bus.stats()).channels;
  assert.deepEqual([second?.publishedPerSecond, second?.groups[0]?.ackedPerSecond], [0, 0]);
  assert.deepEqual([second?.published, second?.groups[0]?.acked], [50, 50]);
});

test("lag is the age of the oldest message that is not settled", async () => {
  const clock = new VirtualClock();
  const bus = await createBus({ name: "shop", transport: memory(), clock });
  await bus.subscribe(OrderPlaced, { timeoutMs: Number.POSITIVE_INFINITY }, async () => {
    await new Promise(() => undefined);
  });
  await bus.publish(OrderPlaced, { orderId: "7", cents: 1 });
  await clock.advance(3_000);
  const [channel] = (await bus.stats()).channels;
  assert.deepEqual([channel?.groups[0]?.depth, channel?.groups[0]?.lagMs], [1, 3_000]);
  const closed = assert.rejects(bus.close({ timeoutMs: 0 }), { code: "DRAIN_DEADLINE" });
  await clock.advance(0);
  await closed;
});

test("health is that of the transport, the publisher and every subscription", async () => {
  const clock = new VirtualClock();
  const transport = memory();
  const bus = await createBus({ name: "shop", transport, clock, pendingMax: 2 });
  assert.deepEqual(await bus.health(), { status: "ok", reasons: [] });
  const ready = Promise.withResolvers<void>();
  transport.ready = () => ready.promise;
  const waiting = someOrders(2).map((order) => bus.publish(OrderPlaced, order));
  const full = await bus.health();
  assert.equal(full.status, "degraded");
  assert.match(full.reasons.join(), /publishes are refused/);
  ready.resolve();
  await Promise.all(waiting);
  await bus.subscribe(OrderPlaced, { concurrency: 1, timeoutMs: 1_000 }, async () => {
    await new Promise(() => undefined);
  });
  await clock.advance(60_000);
  const jammed = await bus.health();
  assert.equal(jammed.status, "degraded");
  assert.match(jammed.reasons.join(), /group 'shop' on channel 'test.order.placed'/);
  const closed = bus.close({ timeoutMs: 0 }).catch(() => undefined);
  await clock.advance(0);
  await closed;
});

test("diagnostics channels tell what happens, only where somebody listens", async () => {
  const events: string[] = [];
  const names = ["publish", "deliver", "settle", "retry", "dead-letter"];
  const listeners = names.map((name) => {
    const listener = (event: unknown): void => {
      const { channel, count } = event as { channel: string; count?: number };
      events.push(`${name} ${channel} ${count ?? ""}`.trim());
    };
    subscribe(`spillway:${name}`, listener);
    return [name, listener] as const;
  });
  try {
    await using bus = await createBus({ name: "shop", transport: memory() });
    let calls = 0;
    await bus.subscribe(OrderPlaced, { retry }, async () => {
      calls++;
      throw new Error("broken");
    });
    await bus.publish(OrderPlaced, { orderId: "7", cents: 1 });
    await eventually(() => events.some((event) => event.startsWith("dead-letter")));
    assert.equal(calls, 2);
  } finally {
    for (const [name, listener] of listeners) unsubscribe(`spillway:${name}`, listener);
  }
  assert.ok(events.includes("publish test.order.placed 1"), events.join("; "));
  assert.ok(events.includes("deliver test.order.placed 1"), events.join("; "));
  for (const name of ["settle", "retry", "dead-letter"]) {
    assert.ok(
      events.some((event) => event.startsWith(`${name} test.order.placed`)),
      name,
    );
  }
});
