// Publishing through a bus: durability, bounds, ids, delays, wrong usage; on every transport.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BackPressureError,
  ClosedError,
  createBus,
  defineChannel,
  defineCommand,
  defineEvent,
  onPublish,
  SpillwayError,
  UnsupportedError,
  ValidationError,
} from "spillway";
import { memory } from "spillway/memory";
import { VirtualClock } from "spillway/testing";
import { z } from "zod";
import {
  collect,
  InvoiceIssued,
  OrderCancelled,
  OrderPlaced,
  orders,
  someOrders,
  testOnEach,
} from "./bus-subjects.ts";

testOnEach("fire and forget: what was not awaited is stored in order", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  const given = someOrders(3_000);
  for (const order of given) void bus.publish(OrderPlaced, order);
  const last = await bus.publish(OrderPlaced, { orderId: "last", cents: 0 });
  assert.equal(last.offset, 3_000);
  const stored = await collect(bus.read(orders));
  assert.deepEqual(
    stored.slice(0, 3_000).map((message) => message.data),
    given,
  );
});

testOnEach("a receipt says where the message is, and reading finds it there", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  const options = { subject: "s", correlationId: "c", tenant: "acme", extensions: { site: "n" } };
  const receipt = await bus.publish(OrderPlaced, { orderId: "7", cents: 990 }, options);
  const { channel, priority, offset, duplicate } = receipt;
  assert.deepEqual([channel, priority, offset, duplicate], ["orders", "normal", 0, false]);
  const [message] = await collect(bus.read(OrderPlaced));
  assert.equal(message?.id, receipt.id);
  assert.deepEqual(
    [message?.source, message?.key, message?.subject, message?.correlationId, message?.tenant],
    ["shop", "7", "s", "c", "acme"],
  );
  assert.deepEqual({ ...message?.extensions }, { site: "n" });
});

testOnEach(
  "un-awaited publishes beyond pendingMax are refused, the rest is stored",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport, pendingMax: 100 });
    const results = await Promise.allSettled(
      someOrders(250).map((order) => bus.publish(OrderPlaced, order)),
    );
    const refused = results.filter((result) => result.status === "rejected");
    assert.equal(refused.length, 150);
    assert.ok(refused.every(({ reason }) => reason instanceof BackPressureError));
    assert.equal((await collect(bus.read(OrderPlaced))).length, 100);
    assert.equal((await bus.stats()).pending.count, 0);
    await bus.publish(OrderPlaced, { orderId: "after", cents: 1 });
  },
);

testOnEach("un-awaited publishes beyond pendingBytesMax are refused", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, pendingBytesMax: 10_000 });
  const Noted = defineEvent("test.noted", { data: z.string() });
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, () => bus.publish(Noted, "x".repeat(1_000))),
  );
  const stored = results.filter((result) => result.status === "fulfilled").length;
  assert.ok(stored >= 8 && stored <= 10, `${stored} were stored`);
  assert.equal((await collect(bus.read(Noted))).length, stored);
});

testOnEach("publishMany takes more bytes than fit, also on a new channel", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, pendingBytesMax: 100_000 });
  const invoices = Array.from({ length: 200 }, (_, n) => ({ orderId: `${n}`.padEnd(1_000) }));
  const receipts = await bus.publishMany(InvoiceIssued, invoices);
  assert.ok(receipts.every((receipt, index) => receipt.offset === index));
  assert.equal(receipts.length, 200);
});

testOnEach("publishMany takes more than fits, and names an invalid element", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, pendingMax: 50 });
  const receipts = await bus.publishMany(OrderPlaced, someOrders(2_000));
  assert.ok(receipts.every((receipt, index) => receipt.offset === index));
  const wrong = [...someOrders(10), { orderId: "x", cents: 0.5 }, ...someOrders(10)];
  await assert.rejects(bus.publishMany(OrderPlaced, wrong), (error) => {
    assert.ok(error instanceof ValidationError);
    assert.deepEqual([error.details["index"], error.details["stored"]], [10, 10]);
    assert.equal(error.issues[0]?.path, "cents");
    return true;
  });
  assert.equal((await collect(bus.read(OrderPlaced))).length, 2_010);
});

testOnEach("a repeated id is stored once; with other content it is refused", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const order = { orderId: "7", cents: 1 };
  const first = await bus.publish(OrderPlaced, order, { id: "order 7" });
  const again = await bus.publish(OrderPlaced, order, { id: "order 7" });
  assert.deepEqual([again.duplicate, again.offset, again.id], [true, first.offset, "order 7"]);
  await assert.rejects(bus.publish(OrderPlaced, { orderId: "7", cents: 2 }, { id: "order 7" }), {
    code: "ID_REUSED",
    certainty: "definite",
  });
  assert.equal((await collect(bus.read(OrderPlaced))).length, 1);
  const [channel] = (await bus.stats()).channels;
  assert.deepEqual([channel?.published, channel?.duplicates, channel?.rejected], [1, 1, 1]);
});

test("memory: a delayed message has an id, no offset, and appears when it is due", async () => {
  const clock = new VirtualClock();
  await using bus = await createBus({ name: "shop", transport: memory(), clock });
  const receipt = await bus.publish(InvoiceIssued, { orderId: "7" }, { delayMs: 5_000 });
  assert.equal(receipt.offset, undefined);
  assert.match(receipt.id, /^[0-9a-f-]{36}$/);
  await clock.advance(4_999);
  assert.equal((await collect(bus.read(InvoiceIssued))).length, 0);
  await clock.advance(2);
  const [message] = await collect(bus.read(InvoiceIssued));
  assert.equal(message?.id, receipt.id);
});

testOnEach("priorities are logs of their own", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const high = await bus.publish(InvoiceIssued, { orderId: "1" }, { priority: "high" });
  const normal = await bus.publish(InvoiceIssued, { orderId: "2" });
  assert.deepEqual([high.priority, high.offset, normal.offset], ["high", 0, 0]);
  const read = await collect(bus.read(InvoiceIssued, { priority: "high" }));
  assert.deepEqual(
    read.map((message) => message.data.orderId),
    ["1"],
  );
});

testOnEach("wrong usage is refused by name, and stores nothing", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, messageBytesMax: 200 });
  const order = { orderId: "7", cents: 1 };
  const cases: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["VALIDATION_FAILED", () => bus.publish(OrderPlaced, { orderId: "7", cents: 0.5 })],
    ["PRIORITY_BREAKS_ORDER", () => bus.publish(OrderPlaced, order, { priority: "high" })],
    ["MESSAGE_TOO_LARGE", () => bus.publish(OrderPlaced, { ...order, orderId: "x".repeat(300) })],
    ["INVALID_ARGUMENT", () => bus.publish(OrderPlaced, order, { delayMs: -1 })],
    ["INVALID_ARGUMENT", () => bus.publish(orders as unknown as typeof OrderPlaced, order)],
    ["INVALID_ARGUMENT", () => bus.publish(undefined as unknown as typeof OrderPlaced, order)],
    ["INVALID_ARGUMENT", () => bus.publishMany(orders as unknown as typeof OrderPlaced, [order])],
  ];
  for (const [code, action] of cases) {
    await assert.rejects(action(), (error) => {
      assert.ok(error instanceof SpillwayError);
      assert.deepEqual([error.code, error.certainty], [code, "definite"]);
      return true;
    });
  }
  assert.equal((await bus.stats()).pending.count, 0);
});

test("a command cannot be published", async () => {
  await using bus = await createBus({ name: "shop", transport: memory() });
  const Reserve = defineCommand("test.stock.reserve", {
    data: z.object({ sku: z.string() }),
    replies: { reserved: z.object({}) },
  });
  await assert.rejects(bus.publish(Reserve as unknown as typeof InvoiceIssued, { orderId: "1" }), {
    code: "INVALID_ARGUMENT",
    message: /not the command 'test.stock.reserve'/,
  });
});

test("what the transport cannot give is refused at the first use", async () => {
  const limited = defineChannel("limited", {
    messages: [OrderPlaced],
    limits: { depthMax: 10 },
  });
  const packed = defineChannel("packed", { messages: [OrderPlaced], compression: "zstd" });
  const unlimited = memory();
  Object.assign(unlimited, {
    capabilities: { ...unlimited.capabilities, channelLimits: "no" },
  });
  await assert.rejects(
    createBus({ name: "shop", transport: unlimited, channels: [limited] }),
    UnsupportedError,
  );
  await using bus = await createBus({ name: "shop", transport: memory() });
  await assert.rejects(
    bus.subscribe(packed, async () => undefined),
    (error) => {
      assert.ok(error instanceof UnsupportedError);
      assert.match(error.message, /compression of channel 'packed'.*'memory'.*it has: orderByKey/);
      return true;
    },
  );
  const weak = memory();
  const capabilities = { ...weak.capabilities, delayedDelivery: "no", priority: "no" } as const;
  Object.defineProperty(weak, "capabilities", { value: capabilities });
  await using poor = await createBus({ name: "poor", transport: weak });
  const invoice = { orderId: "7" };
  await assert.rejects(poor.publish(InvoiceIssued, invoice, { delayMs: 5 }), UnsupportedError);
  await assert.rejects(poor.publish(InvoiceIssued, invoice, { priority: "low" }), UnsupportedError);
});

testOnEach("a contract belongs to one channel, decided by first use", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  assert.equal(
    (await bus.publish(OrderPlaced, { orderId: "7", cents: 1 })).channel,
    "test.order.placed",
  );
  await assert.rejects(
    bus.subscribe(orders, async () => undefined),
    { code: "CONTRACT_CONFLICT", message: /createBus\(\{ channels/ },
  );
  const cancelled = defineChannel("cancelled", { messages: [OrderCancelled] });
  await bus.subscribe(cancelled, async () => undefined);
  assert.equal((await bus.publish(OrderCancelled, { orderId: "7" })).channel, "cancelled");
});

test("publish middleware sees and changes every message", async () => {
  const stamp = onPublish((message) =>
    message.contract.message(message.data, { ...message.options, extensions: { region: "eu" } }),
  );
  const check = onPublish(async (message) => {
    assert.deepEqual(message.options?.extensions, { region: "eu" });
    if ((message.data as { orderId: string }).orderId === "bad") throw new Error("refused");
  });
  await using bus = await createBus({ name: "shop", transport: memory(), use: [stamp, check] });
  await bus.publish(InvoiceIssued, { orderId: "7" }, { subject: "kept" });
  await assert.rejects(bus.publish(InvoiceIssued, { orderId: "bad" }), /refused/);
  const [message] = await collect(bus.read(InvoiceIssued));
  assert.deepEqual([message?.subject, { ...message?.extensions }], ["kept", { region: "eu" }]);
});

testOnEach("an abort signal before the flush leaves nothing stored", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const controller = new AbortController();
  await bus.publish(InvoiceIssued, { orderId: "0" });
  const aborted = bus.publish(InvoiceIssued, { orderId: "1" }, { signal: controller.signal });
  const kept = bus.publish(InvoiceIssued, { orderId: "2" });
  controller.abort();
  await assert.rejects(aborted, { code: "ABORTED", certainty: "definite" });
  await kept;
  const stored = await collect(bus.read(InvoiceIssued));
  assert.deepEqual(
    stored.map((message) => message.data.orderId),
    ["0", "2"],
  );
});

testOnEach("a closed bus accepts nothing", async (transport) => {
  const bus = await createBus({ name: "shop", transport });
  const accepted = bus.publish(InvoiceIssued, { orderId: "1" });
  const closed = bus.close();
  await assert.rejects(bus.publish(InvoiceIssued, { orderId: "2" }), ClosedError);
  await accepted;
  await closed;
  await bus.close();
  await assert.rejects(bus.publishMany(InvoiceIssued, [{ orderId: "3" }]), ClosedError);
  await assert.rejects(
    bus.subscribe(InvoiceIssued, async () => undefined),
    ClosedError,
  );
  assert.throws(() => bus.read(InvoiceIssued), ClosedError);
  await assert.rejects(bus.stats(), ClosedError);
  assert.equal((await bus.health()).status, "failed");
});

testOnEach("reading starts and ends at offsets and times, and can follow", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  await bus.publishMany(InvoiceIssued, [{ orderId: "0" }, { orderId: "1" }, { orderId: "2" }]);
  const idsOf = async (options: Parameters<typeof bus.read>[1]): Promise<string[]> =>
    (await collect(bus.read(InvoiceIssued, options))).map((message) => message.data.orderId);
  assert.deepEqual(await idsOf({ from: { offset: 1 } }), ["1", "2"]);
  assert.deepEqual(await idsOf({ from: { offset: 1 }, to: { offset: 2 } }), ["1"]);
  assert.deepEqual(await idsOf({ from: { timeMs: 0 } }), ["0", "1", "2"]);
  assert.deepEqual(await idsOf({ to: { timeMs: 0 } }), []);
  assert.deepEqual(await idsOf({ from: "latest" }), []);
  const followed = collect(bus.read(InvoiceIssued, { follow: true, to: { offset: 4 } }));
  await bus.publish(InvoiceIssued, { orderId: "3" });
  assert.equal((await followed).length, 4);
  const controller = new AbortController();
  const endless = collect(bus.read(InvoiceIssued, { follow: true, signal: controller.signal }));
  await bus.publish(InvoiceIssued, { orderId: "4" });
  controller.abort();
  assert.ok((await endless).length <= 5);
});

test("a stored message that cannot be read is reported, never left out", async () => {
  const Old = defineEvent("test.measured", { data: z.object({ celsius: z.string() }) });
  const New = defineEvent("test.measured", { data: z.object({ celsius: z.number() }) });
  const directory = memory();
  await using bus = await createBus({ name: "shop", transport: directory });
  await bus.publish(Old, { celsius: "warm" });
  const unreadable: unknown[] = [];
  // The second definition is another contract to this bus, so it is read through a second registry.
  const { BusReader } = await import("../../src/bus/bus-reader.ts");
  const { ChannelRegistry } = await import("../../src/bus/channel-registry.ts");
  const { settingsOf } = await import("../../src/bus/bus-options.ts");
  const settings = settingsOf({ name: "other", transport: directory });
  const reader = new BusReader(settings, new ChannelRegistry(directory));
  await assert.rejects(collect(reader.read(New)), {
    code: "VALIDATION_FAILED",
    message: /offset 0 of 'test.measured' cannot be read: .*celsius/,
  });
  const onUnreadable = (each: unknown): void => void unreadable.push(each);
  assert.deepEqual(await collect(reader.read(New, { onUnreadable })), []);
  assert.equal(unreadable.length, 1);
});

test("a signal ends the wait for a channel that is being declared", async () => {
  const transport = memory();
  const declared = Promise.withResolvers<void>();
  const declare = transport.declare.bind(transport);
  transport.declare = (channel) => declared.promise.then(() => declare(channel));
  await using bus = await createBus({ name: "shop", transport });
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = ["1", "2"].map((orderId) => bus.publish(InvoiceIssued, { orderId }, { signal }));
  const kept = bus.publish(InvoiceIssued, { orderId: "3" });
  controller.abort();
  for (const each of aborted) {
    await assert.rejects(each, { code: "ABORTED", certainty: "definite" });
  }
  declared.resolve();
  assert.equal((await kept).offset, 0);
  assert.equal((await bus.stats()).pending.count, 0);
});
