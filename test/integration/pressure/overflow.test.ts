// A full channel as publishers meet it: they wait in order, are refused with a time to try again,
// or the least important of them are refused first. On every transport.
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import {
  BackPressureError,
  type Bus,
  createBus,
  defineChannel,
  defineEvent,
  SpillwayError,
} from "spillway";
import { memory } from "spillway/memory";
import { VirtualClock } from "spillway/testing";
import { z } from "zod";
import { collect, directoryFor, eventually, journalIn, testOnEach } from "../bus-subjects.ts";

const Counted = defineEvent("test.counted", { data: z.object({ n: z.int() }) });

function channelWith(
  overflow: "wait" | "reject" | "shed",
  limits: { readonly depthMax?: number; readonly bytesMax?: number },
) {
  return defineChannel("counted", { messages: [Counted], partitions: 2, limits, overflow });
}

/** Publishes 0 … count − 1 at once. */
function publishAll(bus: Bus, count: number, start = 0) {
  return Array.from({ length: count }, (_, n) => bus.publish(Counted, { n: start + n }));
}

async function statsOf(bus: Bus) {
  const { channels } = await bus.stats();
  const found = channels.find(({ channel }) => channel === "counted");
  assert.ok(found !== undefined);
  return found;
}

async function storedNumbers(bus: Bus): Promise<number[]> {
  const messages = await collect(bus.read(Counted, { from: "earliest" }));
  return messages.map(({ data }) => data.n);
}

function isBackPressure(error: unknown): error is BackPressureError {
  return error instanceof BackPressureError && error.retryable && error.certainty === "definite";
}

testOnEach("wait: publishers wait for room, and are stored in their order", async (transport) => {
  const channel = channelWith("wait", { depthMax: 10 });
  await using bus = await createBus({ name: "shop", transport, channels: [channel] });
  let deepest = 0;
  let handled = 0;
  const receipts = publishAll(bus, 200);
  await bus.subscribe(channel, { concurrency: 1, order: "none" }, async () => {
    handled++;
    if (handled % 20 !== 1) return;
    deepest = Math.max(deepest, (await statsOf(bus)).waiting?.depth ?? 0);
  });
  const all = await Promise.all(receipts);
  assert.deepEqual(
    all.map(({ offset }) => offset),
    Array.from({ length: 200 }, (_, n) => n),
  );
  await eventually(() => handled === 200);
  assert.deepEqual(
    await storedNumbers(bus),
    Array.from({ length: 200 }, (_, n) => n),
  );
  assert.ok(deepest >= 1 && deepest <= 10, `depth ${deepest}`);
  const { waited, rejected, published } = await statsOf(bus);
  assert.ok(waited > 0);
  assert.deepEqual([published, rejected], [200, 0]);
});

testOnEach("wait: a full channel does not hold up the others", async (transport) => {
  const Free = defineEvent("test.free", { data: z.object({ n: z.int() }) });
  const channel = channelWith("wait", { depthMax: 1 });
  const options = { name: "shop", transport, channels: [channel], pendingMax: 20 };
  const bus = await createBus({ ...options, drainTimeoutMs: 50 });
  await bus.subscribe(channel, { group: "slow" }, () => new Promise(() => undefined));
  const waiting = publishAll(bus, 10);
  await waiting[0];
  await eventually(async () => (await bus.health()).status === "degraded");
  assert.match((await bus.health()).reasons.join(), /channel 'counted' is full/);
  // Half of pendingMax is for the others, even if everybody publishes to the full one.
  await assert.rejects(Promise.all(publishAll(bus, 10)), isBackPressure);
  for (let n = 0; n < 30; n++) await bus.publish(Free, { n });
  assert.ok((await bus.stats()).pending.count <= 10);
  const refused = Promise.allSettled(waiting.slice(1));
  await bus.close().catch(() => undefined);
  const outcomes = (await refused).map((each) => {
    return each.status === "rejected" && (each.reason as SpillwayError).certainty;
  });
  assert.deepEqual(new Set(outcomes), new Set(["definite"]));
});

testOnEach(
  "wait: a signal ends the waiting, and the message is surely not stored",
  async (transport) => {
    const channel = channelWith("wait", { depthMax: 1 });
    await using bus = await createBus({ name: "shop", transport, channels: [channel] });
    const hold = Promise.withResolvers<void>();
    await bus.subscribe(channel, { concurrency: 1 }, () => hold.promise);
    await bus.publish(Counted, { n: 0 });
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = bus.publish(Counted, { n: 1 }, { signal });
    const other = bus.publish(Counted, { n: 2 });
    await eventually(async () => (await statsOf(bus)).waited > 0);
    controller.abort();
    await assert.rejects(aborted, (error) => {
      return error instanceof SpillwayError && error.certainty === "definite";
    });
    hold.resolve();
    await other;
    assert.deepEqual(await storedNumbers(bus), [0, 2]);
  },
);

testOnEach("wait: publishMany takes no more than there is room for", async (transport) => {
  const channel = channelWith("wait", { depthMax: 5 });
  const options = { name: "shop", transport, channels: [channel], pendingMax: 8 };
  await using bus = await createBus(options);
  let taken = 0;
  function* numbers(): Generator<{ n: number }> {
    for (; taken < 60; taken++) yield { n: taken };
  }
  const hold = Promise.withResolvers<void>();
  await bus.subscribe(channel, { concurrency: 1 }, () => hold.promise);
  const many = bus.publishMany(Counted, numbers());
  await eventually(async () => (await statsOf(bus)).waiting?.depth === 5);
  await eventually(async () => (await bus.stats()).pending.count === 4);
  assert.ok(taken <= 10, `${taken} elements taken`);
  hold.resolve();
  assert.equal((await many).length, 60);
});

testOnEach(
  "reject: the refusal says when to try again, after the measured rate",
  async (transport) => {
    const channel = channelWith("reject", { depthMax: 4 });
    await using bus = await createBus({ name: "shop", transport, channels: [channel] });
    const outcomes = await Promise.allSettled(publishAll(bus, 10));
    const refused = outcomes.flatMap((each) =>
      each.status === "rejected" ? [each.reason as unknown] : [],
    );
    assert.equal(refused.length, 6);
    assert.ok(refused.every(isBackPressure));
    assert.equal(typeof (refused[0] as BackPressureError).retryAfterMs, "number");
    assert.match(String(refused[0]), /channel 'counted' is full.*depthMax 4.*try again in \d+ ms/);
    assert.deepEqual(await storedNumbers(bus), [0, 1, 2, 3]);
    const { refusedFull, rejected, shed, waited } = await statsOf(bus);
    assert.deepEqual([refusedFull, rejected, shed, waited], [6, 6, 0, 0]);
  },
);

testOnEach("reject: publishMany stops at the first element without room", async (transport) => {
  const channel = channelWith("reject", { depthMax: 4 });
  await using bus = await createBus({ name: "shop", transport, channels: [channel] });
  const elements = Array.from({ length: 10 }, (_, n) => ({ n }));
  await assert.rejects(bus.publishMany(Counted, elements), (error) => {
    assert.ok(isBackPressure(error));
    assert.deepEqual([error.details["index"], error.details["stored"]], [4, 4]);
    return typeof error.retryAfterMs === "number";
  });
});

testOnEach("shed: low priority is refused first, counted and told", async (transport) => {
  const channel = channelWith("shed", { depthMax: 8 });
  await using bus = await createBus({ name: "shop", transport, channels: [channel] });
  const told: unknown[] = [];
  const listen = (message: unknown): void => void told.push(message);
  subscribe("spillway:overflow", listen);
  try {
    const stored: string[] = [];
    for (const priority of ["low", "normal", "high"] as const) {
      for (let n = 0; n < 8; n++) {
        const publish = bus.publish(Counted, { n }, { priority });
        await publish.then(
          () => stored.push(priority),
          (error: unknown) => assert.ok(isBackPressure(error)),
        );
      }
    }
    assert.deepEqual(stored, ["low", "low", "low", "low", "low", "low", "normal", "high"]);
    const { shed, refusedFull } = await statsOf(bus);
    assert.deepEqual([refusedFull, shed], [2 + 7 + 7, 2 + 7]);
    assert.equal(told.length, 16);
    const { action, priority, count } = told[0] as Record<string, unknown>;
    assert.deepEqual([action, priority, count], ["shed", "low", 1]);
  } finally {
    unsubscribe("spillway:overflow", listen);
  }
});

testOnEach(
  "a consumer that publishes to its own full channel does not stand still",
  async (transport) => {
    const channel = channelWith("wait", { depthMax: 3 });
    await using bus = await createBus({ name: "shop", transport, channels: [channel] });
    let handled = 0;
    await bus.subscribe(channel, { concurrency: 4 }, async ({ data }) => {
      handled++;
      if (data.n > 0) return [Counted.message({ n: data.n - 1 }), Counted.message({ n: 0 })];
      return undefined;
    });
    await Promise.all(publishAll(bus, 10, 5));
    // Each n brings n more steps down, and one 0 a step.
    const expected = Array.from({ length: 10 }, (_, at) => 2 * (5 + at) + 1);
    const total = expected.reduce((sum, each) => sum + each, 0);
    await eventually(() => handled === total);
    await eventually(async () => (await statsOf(bus)).waiting?.depth === 0);
  },
);

test("a ring of two full channels goes on moving", { timeout: 60_000 }, async () => {
  const Ping = defineEvent("test.ping", { data: z.object({ left: z.int() }) });
  const Pong = defineEvent("test.pong", { data: z.object({ left: z.int() }) });
  const limits = { depthMax: 2 };
  const pings = defineChannel("pings", { messages: [Ping], partitions: 1, limits });
  const pongs = defineChannel("pongs", { messages: [Pong], partitions: 1, limits });
  const clock = new VirtualClock();
  const channels = [pings, pongs];
  const bus = await createBus({ name: "ring", transport: memory(), channels, clock });
  let handled = 0;
  await bus.subscribe(pings, async ({ data: { left } }) => {
    handled++;
    if (left === 0) return undefined;
    return [Pong.message({ left: left - 1 }), Pong.message({ left: 0 })];
  });
  await bus.subscribe(pongs, async ({ data: { left } }) => {
    handled++;
    if (left === 0) return undefined;
    return [Ping.message({ left: left - 1 }), Ping.message({ left: 0 })];
  });
  const published = [6, 6, 6, 6].map((left) => bus.publish(Ping, { left }));
  for (let step = 0; step < 600 && handled < 4 * 13; step++) await clock.advance(100);
  assert.equal(handled, 4 * 13);
  await Promise.all(published);
  const closed = bus.close();
  await clock.advance(1_000);
  await closed;
});

test("waiting publishers are woken by what another process settles", {
  timeout: 60_000,
}, async () => {
  const directory = directoryFor();
  const channel = channelWith("wait", { depthMax: 3 });
  const open = async (name: string): Promise<Bus> => {
    return createBus({ name, transport: await journalIn(directory), channels: [channel] });
  };
  await using producer = await open("producer");
  await using consumer = await open("consumer");
  const receipts = publishAll(producer, 50);
  await eventually(async () => (await statsOf(producer)).waited > 0);
  let handled = 0;
  await consumer.subscribe(channel, async () => void handled++);
  await Promise.all(receipts);
  await eventually(() => handled === 50);
});

test("dead letters have no limits: setting aside makes room", { timeout: 60_000 }, async () => {
  const channel = channelWith("wait", { depthMax: 2 });
  await using bus = await createBus({ name: "shop", transport: memory(), channels: [channel] });
  const retry = { attempts: 1, initialMs: 1, maxMs: 1 };
  await bus.subscribe(channel, { retry }, async () => {
    throw new Error("broken");
  });
  await Promise.all(publishAll(bus, 20));
  await eventually(async () => (await collect(bus.deadLetters(channel))).length === 20);
});
