// Subscribing through a bus: groups, selections, units, failures, state, wrong usage; on every
// transport.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createBus,
  defineChannel,
  onConsume,
  type OutgoingMessage,
  Reject,
  type SpillwayError,
  type StoredEnvelope,
  UnsupportedError,
} from "spillway";
import { memory } from "spillway/memory";
import { seededRandom } from "spillway/testing";
import { z } from "zod";
import { OutgoingBatch } from "../../src/message/outgoing-batch.ts";
import {
  collect,
  eventually,
  InvoiceIssued,
  OrderCancelled,
  OrderPlaced,
  orders,
  someOrders,
  testOnEach,
} from "./bus-subjects.ts";

const nothing = async (): Promise<void> => undefined;
const codeOf = (error: unknown): string => (error as SpillwayError).code;
const byText = (left: string, right: string): number => (left < right ? -1 : 1);
const retry = { attempts: 3, initialMs: 1, maxMs: 2 };

testOnEach("every group gets every message, in order per key", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  const seen: Record<string, number[]> = { billing: [], audit: [] };
  for (const group of ["billing", "audit"]) {
    await bus.subscribe(OrderPlaced, { group }, async (message) => {
      seen[group]?.push(message.data.cents);
    });
  }
  const given = Array.from({ length: 300 }, (_, index) => ({ orderId: "one", cents: index }));
  await bus.publishMany(OrderPlaced, given);
  await eventually(() => seen["billing"]?.length === 300 && seen["audit"]?.length === 300);
  const expected = given.map((order) => order.cents);
  assert.deepEqual(seen, { billing: expected, audit: expected });
});

testOnEach("a group added later starts where it chooses", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  await bus.publishMany(InvoiceIssued, [{ orderId: "0" }, { orderId: "1" }, { orderId: "2" }]);
  const seen: Record<string, string[]> = { all: [], some: [], none: [], time: [] };
  const starts = [
    ["all", "earliest"],
    ["some", { offset: 2 }],
    ["none", "latest"],
    ["time", { timeMs: 0 }],
  ] as const;
  for (const [group, from] of starts) {
    await bus.subscribe(InvoiceIssued, { group, from, order: "key" }, async (message) => {
      seen[group]?.push(message.data.orderId);
    });
  }
  await bus.publish(InvoiceIssued, { orderId: "3" });
  await eventually(() => Object.values(seen).every((each) => each.includes("3")));
  const sorted = Object.fromEntries(
    Object.entries(seen).map(([group, ids]) => [group, [...ids].sort(byText).join("")]),
  );
  assert.deepEqual(sorted, { all: "0123", some: "23", none: "3", time: "0123" });
});

testOnEach(
  "among messages of one tenant what has expired reaches no handler",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport, channels: [orders] });
    const expiresInMs = 5;
    const given = someOrders(40).map((order) => {
      const isShort = order.cents % 8 === 3;
      return bus.publish(OrderPlaced, order, { tenant: "one", ...(isShort && { expiresInMs }) });
    });
    await Promise.all(given);
    const endMs = Date.now() + expiresInMs;
    await eventually(() => Date.now() > endMs);
    const seen: number[] = [];
    const subscription = await bus.subscribe(orders, { group: "billing" }, async (message) => {
      assert.equal(message.tenant, "one");
      if (message.type === OrderPlaced.type) seen.push(message.data.cents);
    });
    await eventually(async () => (await subscription.stats()).acked === 40);
    seen.sort((left, right) => left - right);
    const kept = someOrders(40).flatMap(({ cents }) => (cents % 8 === 3 ? [] : [cents]));
    assert.deepEqual(seen, kept);
  },
);

testOnEach("competing consumers of one group share the messages", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  const handled = new Map<string, number>();
  const workers = [{ count: 0 }, { count: 0 }];
  for (const worker of workers) {
    await bus.subscribe(orders, { group: "workers" }, async (message) => {
      worker.count++;
      handled.set(message.data.orderId, (handled.get(message.data.orderId) ?? 0) + 1);
    });
  }
  // Both members hold keys once the ranges were shared out, so new messages reach both.
  let start = 0;
  await eventually(async () => {
    await bus.publishMany(OrderPlaced, someOrders(50, start));
    start += 50;
    await eventually(() => handled.size === start);
    return workers.every(({ count }) => count > 0);
  });
  assert.ok([...handled.values()].every((times) => times === 1));
});

testOnEach("a contract, several contracts or a channel are selected", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  const seen: Record<string, string[]> = { one: [], both: [], all: [] };
  await bus.subscribe(OrderCancelled, { group: "one" }, async (message) => {
    seen["one"]?.push(message.type);
  });
  await bus.subscribe([OrderPlaced, OrderCancelled], { group: "both" }, async (message) => {
    seen["both"]?.push(message.type);
  });
  await bus.subscribe(orders, { group: "all" }, async (message) => {
    if (message.type === OrderPlaced.type) seen["all"]?.push(`${message.data.cents} cents`);
    else seen["all"]?.push(message.type);
  });
  await bus.publish(OrderPlaced, { orderId: "7", cents: 3 });
  await bus.publish(OrderCancelled, { orderId: "7" });
  await eventually(() => seen["one"]?.length === 1 && seen["both"]?.length === 2);
  await eventually(() => seen["all"]?.length === 2);
  assert.deepEqual(seen, {
    one: [OrderCancelled.type],
    both: [OrderPlaced.type, OrderCancelled.type],
    all: ["3 cents", OrderCancelled.type],
  });
});

testOnEach("what a handler returns is published, caused by what it handled", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  await bus.subscribe(OrderPlaced, async (message, context) => {
    await context.publish(InvoiceIssued, { orderId: `${message.data.orderId}-b` });
    const results: (OutgoingMessage | undefined)[] = [
      InvoiceIssued.message({ orderId: `${message.data.orderId}-a` }),
      undefined,
    ];
    return results;
  });
  const options = { correlationId: "c", tenant: "acme", traceparent };
  const receipt = await bus.publish(OrderPlaced, { orderId: "7", cents: 1 }, options);
  await eventually(async () => (await collect(bus.read(InvoiceIssued))).length === 2);
  const invoices = await collect(bus.read(InvoiceIssued));
  assert.deepEqual(invoices.map((each) => each.data.orderId).sort(byText), ["7-a", "7-b"]);
  for (const invoice of invoices) {
    assert.deepEqual(
      [invoice.correlationId, invoice.causationId, invoice.tenant],
      ["c", receipt.id, "acme"],
    );
    assert.match(invoice.traceparent ?? "", /^00-4bf92f3577b34da6a3ce929d0e0e4736-/);
    assert.notEqual(invoice.traceparent, traceparent);
  }
});

testOnEach("publishing inside a handler is refused unless it is detached", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const outcomes: unknown[] = [];
  await bus.subscribe(OrderPlaced, async () => {
    const invoice = { orderId: "7" };
    outcomes.push(await bus.publish(InvoiceIssued, invoice).catch(codeOf));
    outcomes.push(await bus.publishMany(InvoiceIssued, [invoice]).catch(codeOf));
    const receipt = await bus.publish(InvoiceIssued, invoice, { detached: true });
    outcomes.push(receipt.offset);
  });
  await bus.publish(OrderPlaced, { orderId: "7", cents: 1 });
  await eventually(() => outcomes.length === 3);
  assert.deepEqual(outcomes, ["PUBLISH_INSIDE_HANDLER", "PUBLISH_INSIDE_HANDLER", 0]);
});

testOnEach("a failing message is retried, then a dead letter; others go on", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const calls: string[] = [];
  const options = { retry, order: "none" } as const;
  const subscription = await bus.subscribe(OrderPlaced, options, async ({ data }) => {
    calls.push(data.orderId);
    if (data.orderId === "bad") throw new Error("broken");
    if (data.orderId === "no") throw new Reject("not wanted");
  });
  for (const orderId of ["bad", "no", "fine"])
    await bus.publish(OrderPlaced, { orderId, cents: 1 });
  await eventually(async () => (await subscription.stats()).deadLettered === 2);
  await eventually(async () => (await subscription.stats()).depth === 0);
  const times = (id: string): number => calls.filter((each) => each === id).length;
  assert.deepEqual([times("bad"), times("no"), times("fine")], [3, 1, 1]);
  const letters: StoredEnvelope[] = await collect(bus.deadLetters(OrderPlaced));
  const payloads = letters.map((each) => String(each.envelope.payload)).sort(byText);
  assert.deepEqual(payloads, ['{"orderId":"bad","cents":1}', '{"orderId":"no","cents":1}']);
  assert.equal(letters[0]?.channel, "test.order.placed.dead-letters");
  assert.equal((await collect(bus.deadLetters(OrderPlaced, { from: "latest" }))).length, 0);
});

testOnEach("what cannot be understood goes to the invalid-message channel", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  const seen: string[] = [];
  const whole = await bus.subscribe(orders, { group: "whole", order: "none" }, async ({ type }) => {
    seen.push(`whole ${type}`);
  });
  await bus.subscribe(OrderPlaced, { group: "one", order: "none" }, async ({ type }) => {
    seen.push(`one ${type}`);
  });
  const stranger = new OutgoingBatch("orders", "normal", seededRandom(1));
  const shared = { version: 1, source: "stranger", contentType: "application/json" };
  const { type } = OrderPlaced;
  stranger.add({ type, ...shared }, '{"orderId":7}', 1_000);
  stranger.add({ type, ...shared, version: 9 }, "{}", 1_000);
  stranger.add({ type: "stranger.said.hello", ...shared }, "{}", 1_000);
  stranger.add({ type, ...shared }, "not json", 1_000);
  stranger.add({ type, ...shared }, '{"orderId":"7","cents":1}', 1_000);
  await transport.append([stranger]);
  await eventually(async () => (await whole.stats()).depth === 0 && seen.length === 2);
  assert.deepEqual([...seen].sort(byText), [`one ${type}`, `whole ${type}`]);
  assert.equal((await whole.stats()).invalid, 4);
  await eventually(async () => (await collect(bus.invalidMessages(orders))).length === 7);
  const invalid = await collect(bus.invalidMessages(OrderPlaced));
  assert.equal(invalid.length, 6);
  assert.ok(invalid.some((each) => each.envelope.payload === "not json"));
  assert.equal((await collect(bus.deadLetters(orders))).length, 0);
});

testOnEach("effectively-once: state changes once, and can be read", async (transport) => {
  await using bus = await createBus({ name: "bank", transport });
  let failures = 0;
  const accounts = z.object({ cents: z.int() });
  const subscription = await bus.subscribe(
    OrderPlaced,
    { delivery: "effectively-once", state: { accounts }, retry },
    async (message, context) => {
      const { orderId, cents } = message.data;
      const before = (await context.state.accounts.get(orderId))?.cents ?? 0;
      await context.state.accounts.set(orderId, { cents: before + cents });
      if (context.attempt === 1 && cents % 10 === 0) {
        failures++;
        throw new Error("after the change");
      }
      return InvoiceIssued.message({ orderId });
    },
  );
  const given = Array.from({ length: 100 }, (_, index) => ({
    orderId: `account-${index % 5}`,
    cents: index,
  }));
  await bus.publishMany(OrderPlaced, given);
  await eventually(async () => (await subscription.stats()).depth === 0);
  assert.equal(failures, 10);
  const rows = new Map(await collect(subscription.state.accounts.entries()));
  assert.equal(rows.size, 5);
  for (const index of [0, 1, 2, 3, 4]) {
    const id = `account-${index}`;
    const expected = given.reduce((sum, each) => sum + (each.orderId === id ? each.cents : 0), 0);
    assert.deepEqual({ ...rows.get(id) }, { cents: expected });
    assert.equal((await subscription.state.accounts.get(id))?.cents, expected);
  }
  assert.equal((await collect(bus.read(InvoiceIssued))).length, 100);
});

testOnEach("consume middleware is around the handler, the first outermost", async (transport) => {
  const calls: string[] = [];
  const around = (name: string) =>
    onConsume(async (message, _context, next) => {
      calls.push(`${name} before ${message.type}`);
      await next();
      calls.push(`${name} after`);
    });
  const use = [around("outer"), around("inner")];
  await using bus = await createBus({ name: "shop", transport, use });
  await bus.subscribe(InvoiceIssued, async () => {
    calls.push("handler");
  });
  await bus.publish(InvoiceIssued, { orderId: "7" });
  await eventually(() => calls.length === 5);
  assert.deepEqual(calls, [
    `outer before ${InvoiceIssued.type}`,
    `inner before ${InvoiceIssued.type}`,
    "handler",
    "inner after",
    "outer after",
  ]);
});

testOnEach(
  "wrong subscriptions are refused by name, and leave nothing behind",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport, channels: [orders] });
    await bus.subscribe(OrderPlaced, { group: "one" }, nothing);
    await assert.rejects(bus.subscribe(orders, { group: "one" }, nothing), {
      code: "GROUP_CONFLICT",
    });
    await assert.rejects(bus.subscribe([OrderPlaced, InvoiceIssued], nothing), {
      code: "CONTRACT_CONFLICT",
    });
    const again = defineChannel("orders", { messages: [OrderPlaced] });
    await assert.rejects(bus.subscribe(again, nothing), { code: "CHANNEL_CONFLICT" });
    const wrong = [
      { group: "No Name" },
      { concurrency: 0 },
      { concurrency: 1_001 },
      { retry: { attempts: 0 } },
      { retry: { initialMs: -1 } },
      { retry: { maxMs: Number.NaN } },
      { timeoutMs: 0 },
      { order: "any" as "key" },
      { delivery: "exactly-once" as "at-least-once" },
    ] as const;
    for (const options of wrong) {
      await assert.rejects(bus.subscribe(OrderCancelled, options, nothing), {
        code: "group" in options ? "INVALID_NAME" : "INVALID_ARGUMENT",
      });
    }
    const state = { accounts: z.string() } as unknown as undefined;
    await assert.rejects(bus.subscribe(OrderCancelled, { state }, nothing), {
      code: "INVALID_ARGUMENT",
      message: /state needs delivery: "effectively-once"/,
    });
    await assert.rejects(bus.subscribe(OrderCancelled, {} as unknown as typeof nothing), {
      code: "INVALID_ARGUMENT",
    });
    const signal = AbortSignal.abort();
    await assert.rejects(bus.subscribe(OrderCancelled, { signal }, nothing), { code: "ABORTED" });
    // The default group was refused for several selections and is still free for another one.
    const subscription = await bus.subscribe(orders, nothing);
    assert.deepEqual([subscription.group, subscription.channel], ["shop", "orders"]);
  },
);

test("a guarantee that the transport cannot give is refused", async () => {
  const weak = memory();
  const capabilities = {
    ...weak.capabilities,
    atomicUnit: "no",
    orderByKey: "no",
    replayFromOffset: "no",
    replayFromTime: "no",
  } as const;
  Object.defineProperty(weak, "capabilities", { value: capabilities });
  await using bus = await createBus({ name: "shop", transport: weak });
  const options = [
    { order: "none", delivery: "effectively-once" },
    {},
    { order: "none", from: { offset: 1 } },
    { order: "none", from: { timeMs: 1 } },
  ] as const;
  for (const each of options) {
    await assert.rejects(bus.subscribe(OrderPlaced, each, nothing), UnsupportedError);
  }
  assert.throws(() => bus.read(OrderPlaced, { from: { offset: 1 } }), UnsupportedError);
});

testOnEach("a signal closes the subscription", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const controller = new AbortController();
  const seen: string[] = [];
  const { signal } = controller;
  const subscription = await bus.subscribe(InvoiceIssued, { signal }, async (message) => {
    seen.push(message.data.orderId);
  });
  await bus.publish(InvoiceIssued, { orderId: "1" });
  await eventually(() => seen.length === 1);
  controller.abort();
  await subscription.close();
  await bus.publish(InvoiceIssued, { orderId: "2" });
  const next = await bus.subscribe(InvoiceIssued, async (message) => {
    seen.push(`again ${message.data.orderId}`);
  });
  await eventually(() => seen.length === 2);
  assert.deepEqual(seen, ["1", "again 2"]);
  assert.equal(next.failure, undefined);
});
