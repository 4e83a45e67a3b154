// Batch handlers: how batches are made, and how a poison message is found in one.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createBus,
  deadLetter,
  errorPolicy,
  flowControl,
  immediate,
  otherwise,
  rateLimit,
  retry,
} from "spillway";
import { memory } from "spillway/memory";
import { z } from "zod";
import { delay } from "../../../src/kernel/clock.ts";
import {
  BatchCalls,
  type BatchHandler,
  type BatchItem,
} from "../../../src/recovery/batch-handler.ts";
import {
  collect,
  eventually,
  InvoiceIssued,
  OrderPlaced,
  someOrders,
  testOnEach,
} from "../bus-subjects.ts";
import { Noted, numberOf, type World } from "../delivery/world.ts";
import { numberIn, testEach, withPolicy } from "./subjects.ts";

const oneTry = { retry: { attempts: 1, delayMsMin: 0, delayMsMax: 0 } };

/** Messages of as many keys. */
function many(count: number): { key: string; n: number }[] {
  return Array.from({ length: count }, (_, n) => ({ key: `k${n}`, n }));
}

/** A handler of batches of a world. */
function batchesOf(
  world: World,
  handler: BatchHandler,
  messagesMax: number,
  waitMs = 0,
  atOnce = 1,
) {
  const { clock } = world;
  const calls = new BatchCalls({ clock, handler, messagesMax, waitMs, concurrency: () => atOnce });
  return calls.handle;
}

testEach(
  "a batch is called when it is full, or when its first message has waited",
  async (world, options) => {
    const sizes: number[] = [];
    const handler = batchesOf(world, (items) => void sizes.push(items.length), 4, 100);
    await world.publish(many(10));
    await world.subscribe(handler, { ...options, concurrency: 4 });
    await world.clock.settle();
    assert.deepEqual(sizes, [4, 4]);
    await world.clock.advance(99);
    assert.deepEqual(sizes, [4, 4]);
    await world.clock.advance(1);
    assert.deepEqual(sizes, [4, 4, 2]);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  },
);

testEach(
  "a poison message is found by halves; the rest commits, also what it published",
  async (world, options) => {
    await world.publish(many(64));
    const calls: number[][] = [];
    const done: number[] = [];
    const handler = batchesOf(
      world,
      async (items) => {
        const numbers = items.map(({ message }) => numberOf(message));
        calls.push(numbers);
        for (const { message, context } of items) {
          if (numberOf(message) < 1_000) {
            await context.publish(
              Noted,
              { n: 1_000 + numberOf(message) },
              { key: String(calls.length) },
            );
          }
        }
        if (numbers.includes(21)) throw new Error("poison");
        done.push(...numbers);
      },
      64,
    );
    const { counters } = await world.subscribe(handler, { ...options, ...oneTry, concurrency: 64 });
    await world.clock.advance(1_000);
    const mine = calls.filter(([first = 0]) => first < 1_000);
    assert.ok(mine.length <= 2 * 6 + 1, `${mine.length} calls`);
    assert.deepEqual(
      mine.filter((each) => each.includes(21)).map(({ length }) => length),
      [64, 32, 16, 8, 4, 2, 1],
    );
    const handled = done.filter((n) => n < 1_000).sort((left, right) => left - right);
    assert.deepEqual(
      handled,
      many(64)
        .map(({ n }) => n)
        .filter((n) => n !== 21),
    );
    const letters = await world.read("orders.dead-letters");
    assert.deepEqual(
      letters.map(({ payload }) => numberIn(payload)),
      [21],
    );
    const published = (await world.read("orders"))
      .map(({ payload }) => numberIn(payload))
      .filter((n) => n >= 1_000);
    assert.equal(published.length, 63, "nothing of a failed call, and everything once");
    assert.equal(new Set(published).size, 63);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
    assert.equal(counters.failed, 1, "being split is no failure");
  },
);

testEach(
  "several poison messages are all found; each is handled alone from then on",
  async (world, options) => {
    await world.publish(many(100));
    const poison = new Set([0, 1, 50, 98, 99]);
    const calls: { readonly numbers: number[]; readonly attempt: number }[] = [];
    const done: number[] = [];
    const handler = batchesOf(
      world,
      (items) => {
        const numbers = items.map(({ message }) => numberOf(message));
        calls.push({ numbers, attempt: items[0]?.context.attempt ?? 0 });
        if (numbers.some((n) => poison.has(n))) throw new Error("poison");
        done.push(...numbers);
      },
      32,
    );
    const policy = errorPolicy(otherwise(retry(immediate(), { attempts: 3 }).then(deadLetter())));
    await world.subscribe(handler, { ...options, ...withPolicy(world, policy, 32) });
    await world.clock.advance(5_000);
    assert.equal(new Set(done).size, 95);
    assert.equal(done.length, 95);
    assert.equal((await world.read("orders.dead-letters")).length, 5);
    const again = calls.filter(({ attempt }) => attempt > 1);
    assert.equal(again.length, 10);
    assert.ok(again.every(({ numbers }) => numbers.length === 1));
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  },
);

testEach(
  "a batch that does not settle is given up, its messages handled alone",
  async (world, options) => {
    await world.publish(many(12));
    const calls: number[] = [];
    const hang = async (items: readonly unknown[]): Promise<void> => {
      if (calls.push(items.length) === 1) await new Promise(() => undefined);
    };
    const handler = batchesOf(world, hang, 3, 0, 2);
    const retryOnce = { attempts: 2, delayMsMin: 1, delayMsMax: 1 };
    const bounds = { concurrency: 6, timeoutMs: 500, retry: retryOnce };
    await world.subscribe(handler, { ...options, ...bounds });
    await world.clock.advance(499);
    assert.deepEqual(calls, [3, 3, 3, 3]);
    await world.clock.advance(100);
    assert.deepEqual(calls.slice(4), [1, 1, 1]);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  },
);

testEach(
  "state of a batch: messages that touch one row do not lose an update",
  async (world, options) => {
    if (options.delivery !== "effectively-once") return;
    await world.publish(many(20));
    const handler = batchesOf(
      world,
      async (items) => {
        for (const { context } of items) {
          const sums = context.state["sums"] ?? assert.fail("no table");
          await sums.set("all", (((await sums.get("all")) as number | undefined) ?? 0) + 1);
        }
        await delay(world.clock, 1);
      },
      10,
    );
    await world.subscribe(handler, { ...options, concurrency: 10, state: { sums: z.int() } });
    await world.clock.advance(10_000);
    const row = await world.transport.state?.read({ channel: "orders", group: "g" }, "sums", "all");
    assert.equal(row?.value, "20");
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  },
);

testEach(
  "messages of a batch do not wait for each other at a row for which others wait",
  async (world, options) => {
    if (options.delivery !== "effectively-once") return;
    await world.publish(many(40));
    const sizes: number[] = [];
    const add = async (items: readonly BatchItem[]): Promise<void> => {
      sizes.push(items.length);
      for (const { context } of items) {
        const sums = context.state["sums"] ?? assert.fail("no table");
        await sums.set("all", (((await sums.get("all")) as number | undefined) ?? 0) + 1);
      }
      await delay(world.clock, 1);
    };
    // Those that collided come one after the other, while others gather behind them.
    const handler = batchesOf(world, add, 10, 3, 4);
    await world.subscribe(handler, { ...options, concurrency: 10, state: { sums: z.int() } });
    await world.clock.advance(10_000);
    const row = await world.transport.state?.read({ channel: "orders", group: "g" }, "sums", "all");
    assert.equal(row?.value, "40");
    assert.ok(
      sizes.slice(1).some((size) => size > 1 && size < 10),
      sizes.join(),
    );
  },
);

testOnEach("flow control of batches: batches at once, rates of messages", async (transport) => {
  await using bus = await createBus({ name: "plant", transport });
  const slow = rateLimit({ perSecond: 0.001, burst: 30 });
  const sizes: number[] = [];
  let running = 0;
  const most: number[] = [];
  const flow = flowControl({ rates: [slow] });
  const options = { batch: { messagesMax: 10, waitMs: 5 }, flow };
  const subscription = await bus.subscribeBatch(OrderPlaced, options, async (items) => {
    most.push(++running);
    sizes.push(items.length);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
  });
  const sum = (): number => sizes.reduce((all, size) => all + size, 0);
  await bus.publishMany(OrderPlaced, someOrders(200));
  await eventually(() => sum() === 30);
  assert.equal(subscription.flow.settings.concurrency, 1);
  await eventually(async () => {
    const { reasons } = await subscription.explain({ oldest: true });
    return reasons[0]?.kind === "rate-limit";
  });
  assert.equal(Math.max(...most), 1);
  subscription.flow.update({ rates: [], concurrency: 3 });
  await eventually(() => sum() === 200);
  assert.equal(Math.max(...most), 3);
  assert.throws(() => subscription.flow.update({ concurrency: 101 }), /from 1 to 100/);
  await assert.rejects(
    bus.subscribeBatch(OrderPlaced, { ...options, group: "b", concurrency: 2 }, async () => {}),
    /concurrency is 2 beside flow/,
  );
});

testOnEach(
  "through the bus: typed items, policies, the default of one batch at a time",
  async (transport) => {
    await using bus = await createBus({ name: "plant", transport });
    const done = new Set<number>();
    let running = 0;
    let runningMax = 0;
    const errors = errorPolicy(otherwise(deadLetter("in a batch")));
    const options = { batch: { messagesMax: 50, waitMs: 5 }, errors };
    await bus.subscribeBatch(OrderPlaced, options, async (items) => {
      runningMax = Math.max(runningMax, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      if (items.some(({ message }) => message.data.cents === 7)) throw new Error("seven");
      for (const { message, context } of items) {
        done.add(message.data.cents);
        await context.publish(InvoiceIssued, { orderId: message.data.orderId });
      }
    });
    const orders = Array.from({ length: 200 }, (_, n) => ({ orderId: `o${n}`, cents: n }));
    await bus.publishMany(OrderPlaced, orders);
    const invoices = () => collect(bus.read(InvoiceIssued));
    await eventually(async () => (await invoices()).length === 199);
    assert.equal(runningMax, 1);
    assert.equal(done.size, 199);
    const [letter] = await collect(bus.deadLetters(OrderPlaced));
    assert.equal(letter?.envelope.attributes.extensions?.["deadletterreason"], "in a batch: seven");
  },
);

test("options that make no batch are refused", async () => {
  await using bus = await createBus({ name: "plant", transport: memory() });
  const subscribe = (options: object, handler: unknown = async () => undefined) =>
    bus.subscribeBatch(OrderPlaced, options as never, handler as never);
  await assert.rejects(subscribe({}), /needs `batch: { messagesMax }` and a handler/);
  await assert.rejects(subscribe({ batch: { messagesMax: 1 } }, 5), /needs `batch:/);
  await assert.rejects(subscribe({ batch: { messagesMax: 0 } }), /batch.messagesMax is 0/);
  await assert.rejects(subscribe({ batch: { messagesMax: 1_001 } }), /batch.messagesMax is 1001/);
  await assert.rejects(
    subscribe({ batch: { messagesMax: 500 }, concurrency: 3 }),
    /concurrency is 3: give a whole number from 1 to 2/,
  );
  await assert.rejects(subscribe({ batch: { messagesMax: 5, waitMs: -1 } }), /batch.waitMs is -1/);
  await assert.rejects(
    subscribe({ batch: { messagesMax: 5, waitMs: 10 }, timeoutMs: 10 }),
    /waits 10 ms, which is all of timeoutMs/,
  );
  await assert.rejects(
    subscribe({ batch: { messagesMax: 5 }, delivery: "at-most-once" }),
    /cannot split what/,
  );
});
