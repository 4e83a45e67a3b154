// Dead letters and invalid messages as they are listed: what is known of each, by cause, in pages.
import assert from "node:assert/strict";
import { createBus, type DeadLetter, Reject } from "spillway";
import { seededRandom } from "../../../src/kernel/random.ts";
import { OutgoingBatch } from "../../../src/message/outgoing-batch.ts";
import {
  collect,
  eventually,
  OrderCancelled,
  OrderPlaced,
  orders,
  someOrders,
  testOnEach,
} from "../bus-subjects.ts";

const retry = { attempts: 3, initialMs: 1, maxMs: 2 };

testOnEach("a dead letter says who failed, how often, when, why and where", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  const startedMs = Date.now();
  let calls = 0;
  function chargeCard(orderId: string): never {
    throw new RangeError(`order ${orderId} was refused ${++calls} times`);
  }
  await bus.subscribe(orders, { group: "billing", retry }, async ({ data }) => {
    chargeCard(data.orderId);
  });
  const correlationId = "conversation-7";
  const order = { orderId: "o-1", cents: 1 };
  const receipt = await bus.publish(OrderPlaced, order, { correlationId, causationId: "click" });
  const letters = bus.deadLetters(orders);
  await eventually(async () => (await collect(letters)).length === 1);
  const letter = (await collect(letters))[0] as DeadLetter;
  assert.deepEqual(
    [letter.kind, letter.standing, letter.group, letter.code, letter.errorName],
    ["dead-letter", "pending", "billing", "HANDLER_FAILED", "RangeError"],
  );
  assert.deepEqual(
    [letter.envelope.id, letter.envelope.source, letter.envelope.key, letter.correlationId],
    [receipt.id, "shop", "o-1", correlationId],
  );
  assert.deepEqual(
    [letter.causationId, letter.handlerVersion, letter.isOrdered],
    ["click", 1, true],
  );
  assert.deepEqual(letter.origin, { channel: "orders", priority: "normal", offset: 0 });
  assert.match(letter.stack ?? "", /chargeCard.*letters\.test\.ts/);
  assert.match(letter.fingerprint, /^[0-9a-f]{16}$/);
  assert.equal(letter.attempts, 3);
  assert.deepEqual(
    letter.failures.map(({ attempt, code, reason }) => [attempt, code, reason]),
    [1, 2, 3].map((n) => [n, "HANDLER_FAILED", `order o-1 was refused ${n} times`]),
  );
  const times = [startedMs, ...letter.failures.map(({ atMs }) => atMs), letter.failedAtMs];
  assert.deepEqual(
    times,
    times.toSorted((left, right) => left - right),
  );
  assert.equal(letter.reason, "order o-1 was refused 3 times");
  assert.deepEqual([letter.firstOffset, letter.redrives], [0, 0]);
});

testOnEach("letters of one cause are one group, and filters find them", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  await bus.subscribe(orders, { group: "billing", retry: { attempts: 1 } }, async (message) => {
    const { orderId } = message.data;
    if (message.type === OrderCancelled.type) throw new Reject(`no refund for '${orderId}'`);
    throw new Error(`order ${orderId} has no stock`);
  });
  await bus.subscribe(orders, { group: "audit", retry: { attempts: 1 } }, async ({ data }) => {
    if (data.orderId === "order-3") throw new Error("the audit log is closed");
  });
  await bus.publishMany(OrderPlaced, someOrders(5));
  await bus.publish(OrderCancelled, { orderId: "order-3" });
  await eventually(async () => (await collect(bus.deadLetters(orders))).length === 8);
  const { groups, letters, others } = await bus.deadLetters(orders).groups();
  assert.deepEqual([letters, others], [8, 0]);
  const counted = groups.map(({ group, code, count }) => [group, code, count]);
  assert.deepEqual(counted[0], ["billing", "HANDLER_FAILED", 5]);
  assert.deepEqual(counted[1], ["audit", "HANDLER_FAILED", 2]);
  assert.deepEqual(counted[2], ["billing", "REJECTED", 1]);
  const [first] = groups;
  assert.match(first?.reason ?? "", /has no stock/);
  const count = async (filter: object): Promise<number> =>
    (await collect(bus.deadLetters(orders, filter))).length;
  assert.equal(await count({ error: first?.fingerprint ?? "" }), 5);
  assert.equal(await count({ error: "REJECTED" }), 1);
  assert.equal(await count({ error: "Reject" }), 1);
  assert.equal(await count({ group: "audit" }), 2);
  assert.equal(await count({ key: "order-3" }), 4);
  assert.equal(await count({ type: OrderCancelled.type }), 2);
  assert.equal(await count({ sinceMs: Date.now() + 60_000 }), 0);
  assert.equal(await count({ untilMs: Date.now() + 60_000 }), 8);
  assert.equal(await count({ offsets: [0, 7, 99] }), 2);
  assert.equal((await collect(bus.deadLetters(OrderCancelled))).length, 2);
  assert.throws(() => bus.deadLetters(orders, { grup: "billing" } as object), {
    message: /grup is not an option: did you mean group\?/,
  });
  for (const filter of [{ group: "" }, { offsets: [] }, { sinceMs: Number.NaN }]) {
    assert.throws(() => bus.deadLetters(orders, filter), { code: "INVALID_ARGUMENT" });
  }
});

testOnEach("letters come in pages; nothing is there where nothing failed", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  const letters = bus.deadLetters(orders);
  assert.deepEqual(await letters.page(), { letters: [], next: undefined });
  assert.deepEqual(await letters.groups(), { groups: [], letters: 0, others: 0 });
  assert.equal(await letters.get(0), undefined);
  assert.deepEqual(await letters.redrives(), []);
  assert.equal((await letters.preview()).letters, 0);
  await bus.subscribe(orders, { retry: { attempts: 1 } }, async () => {
    throw new Reject("no");
  });
  await bus.publishMany(OrderPlaced, someOrders(25));
  await eventually(async () => (await collect(letters)).length === 25);
  const pages: number[][] = [];
  for (let after: number | undefined; ; ) {
    const page = await letters.page({ limit: 10, ...(after !== undefined && { after }) });
    pages.push(page.letters.map(({ offset }) => offset));
    after = page.next;
    if (after === undefined) break;
  }
  assert.deepEqual(
    pages.map(({ length }) => length),
    [10, 10, 5],
  );
  assert.deepEqual(
    pages.flat(),
    Array.from({ length: 25 }, (_, index) => index),
  );
  assert.equal((await letters.get(24))?.offset, 24);
  for (const limit of [0, 1_001, 1.5]) {
    await assert.rejects(letters.page({ limit }), { code: "INVALID_ARGUMENT" });
  }
});

testOnEach("invalid messages have the same tools", async (transport) => {
  await using bus = await createBus({ name: "shop", transport, channels: [orders] });
  await bus.subscribe(orders, { group: "billing" }, async () => undefined);
  const stranger = new OutgoingBatch("orders", "normal", seededRandom(1));
  const template = {
    type: OrderPlaced.type,
    version: 1,
    source: "x",
    contentType: "application/json",
  };
  for (const id of [1, 2]) stranger.add(template, `{"orderId":${id}}`, 1_000, `k-${id}`);
  stranger.add(template, "no json", 1_000, "k-3");
  await transport.append([stranger]);
  const letters = bus.invalidMessages(orders);
  await eventually(async () => (await collect(letters)).length === 3);
  const { groups } = await letters.groups();
  assert.deepEqual(
    groups.map(({ code, count }) => [code, count]),
    [
      ["VALIDATION_FAILED", 2],
      ["CODEC_FAILED", 1],
    ],
  );
  const [letter] = await collect(letters);
  assert.deepEqual(
    [letter?.kind, letter?.group, letter?.handlerVersion, letter?.horizonMs, letter?.attempts],
    ["invalid", "billing", 1, undefined, 0],
  );
  assert.deepEqual(letter?.origin, { channel: "orders", priority: "normal", offset: 0 });
});
