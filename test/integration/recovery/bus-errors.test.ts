// Error policies through a bus, on every transport: subscriptions and commands, what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createBus,
  deadLetter,
  defineCommand,
  discard,
  errorPolicy,
  fallback,
  immediate,
  otherwise,
  park,
  pause,
  retry,
  when,
} from "spillway";
import { memory } from "spillway/memory";
import { z } from "zod";
import { collect, eventually, OrderPlaced, someOrders, testOnEach } from "../bus-subjects.ts";

class DownError extends Error {}
const last = otherwise(deadLetter());

testOnEach("each rule does its part, and its numbers are told", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const done: number[] = [];
  const errors = errorPolicy(
    when({ code: "STALE" }, discard("newer data is known")),
    when(RangeError, retry(immediate(), { attempts: 3 }).then(deadLetter("three times"))),
    when(TypeError, fallback((message) => void done.push(-message.offset)).then(deadLetter())),
    when(SyntaxError, park()),
    last,
  );
  let isBroken = true;
  const subscription = await bus.subscribe(OrderPlaced, { errors }, async ({ data }) => {
    if (data.cents === 1) throw Object.assign(new Error("old"), { code: "STALE" });
    if (data.cents === 2) throw new RangeError("out of range");
    if (data.cents === 3) throw new TypeError("no function");
    if (data.cents === 4 && isBroken) throw new SyntaxError("unexpected");
    done.push(data.cents);
  });
  await bus.publishMany(OrderPlaced, someOrders(6));
  await eventually(() => done.length === 3 && subscription.held.length === 1);
  await eventually(async () => (await subscription.stats()).acked === 5);
  assert.deepEqual(
    done.toSorted((left, right) => left - right),
    [-3, 0, 5],
  );
  assert.deepEqual(subscription.held[0]?.key, "order-4");
  const stats = await subscription.stats();
  assert.deepEqual([stats.discarded, stats.deadLettered, stats.retried], [1, 1, 2]);
  const [letter] = await collect(bus.deadLetters(OrderPlaced));
  assert.equal(
    letter?.envelope.attributes.extensions?.["deadletterreason"],
    "three times: out of range",
  );
  isBroken = false;
  assert.equal(subscription.release({ key: "order-4" }), 1);
  await eventually(() => done.includes(4));
});

testOnEach("an open circuit is to be seen, and closes by itself", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const rule = pause({ failures: 2, windowMs: 60_000, probeAfterMs: 20 });
  const errors = errorPolicy(when(DownError, rule), last);
  let isAway = true;
  let done = 0;
  const options = { errors, concurrency: 4 };
  const subscription = await bus.subscribe(OrderPlaced, options, async () => {
    if (isAway) throw new DownError("away");
    done++;
  });
  const [circuit] = subscription.circuits;
  assert.deepEqual([circuit?.rule, circuit?.state, circuit?.limit], ["DownError", "half-open", 1]);
  await bus.publishMany(OrderPlaced, someOrders(50));
  await eventually(() => subscription.circuits[0]?.state === "open");
  await eventually(async () => /a circuit is open/.test((await bus.health()).reasons.join()));
  isAway = false;
  await eventually(() => done === 50);
  assert.equal(subscription.circuits[0]?.state, "closed");
  assert.deepEqual(await collect(bus.deadLetters(OrderPlaced)), []);
});

testOnEach("a discarded command is answered; a fallback replies", async (transport) => {
  await using bus = await createBus({ name: "shop", transport });
  const Reserve = defineCommand("test.stock.reserve", {
    data: z.object({ n: z.int() }),
    replies: { reserved: z.object({ n: z.int() }) },
  });
  const errors = errorPolicy(
    when(RangeError, discard("not ours")),
    when(TypeError, fallback(() => Reserve.replies.reserved({ n: -1 })).then(deadLetter())),
    last,
  );
  await bus.handle(Reserve, { errors }, async ({ data }) => {
    if (data.n === 1) throw new RangeError("elsewhere");
    if (data.n === 2) throw new TypeError("broken");
    return Reserve.replies.reserved({ n: data.n });
  });
  const ask = (n: number) => bus.request(Reserve, { n }, { timeoutMs: 30_000 });
  const [good, discarded, fallen] = await Promise.all([ask(0), ask(1), ask(2)]);
  assert.deepEqual([good.type, fallen.type], ["reserved", "reserved"]);
  assert.deepEqual(fallen.type === "reserved" && fallen.data, { n: -1 });
  assert.equal(discarded.type, "failed");
  assert.match(JSON.stringify(discarded), /not ours: elsewhere/);
});

test("options that make no sense together are refused", async () => {
  await using bus = await createBus({ name: "shop", transport: memory() });
  const nothing = async (): Promise<void> => undefined;
  const subscribe = (options: object): Promise<unknown> =>
    bus.subscribe(OrderPlaced, options, nothing);
  const errors = errorPolicy(otherwise(retry().then(deadLetter())));
  await assert.rejects(subscribe({ errors, retry: {} }), /retry and errors are both given/);
  await assert.rejects(subscribe({ errors: {} }), /errors is \[object Object\]: give/);
  await assert.rejects(
    subscribe({ errors, delivery: "at-most-once" }),
    /errors: 'retry' keeps a message, and delivery "at-most-once" acknowledges it before/,
  );
  await subscribe({ errors: errorPolicy(last), delivery: "at-most-once", group: "b" });
  await assert.rejects(subscribe({ onKeyFull: "wait" }), /onKeyFull is "wait": give dead/);
  await assert.rejects(subscribe({ parkedPerKeyMax: 0 }), /parkedPerKeyMax is 0: give a/);
  await assert.rejects(subscribe({ parkedPerKeyMax: 50_001 }), /parkedPerKeyMax is 50001/);
});
