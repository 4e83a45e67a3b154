// Closing a bus: what drains, what is redelivered, deadlines and signals.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { createBus, defineEvent, SpillwayError } from "spillway";
import { memory } from "spillway/memory";
import { VirtualClock } from "spillway/testing";
import { z } from "zod";
import {
  collect,
  directoryFor,
  eventually,
  InvoiceIssued,
  journalIn,
  OrderPlaced,
  someOrders,
  testOnEach,
} from "./bus-subjects.ts";

testOnEach("close lets running handlers finish and settles what they did", async (transport) => {
  const bus = await createBus({ name: "shop", transport });
  const gate = Promise.withResolvers<void>();
  const outcomes: unknown[] = [];
  await bus.subscribe(OrderPlaced, { concurrency: 4 }, async (message) => {
    if (message.data.cents < 4) {
      await gate.promise;
      const detached = await bus.publish(InvoiceIssued, { orderId: "d" }, { detached: true });
      outcomes.push(detached.duplicate);
    }
  });
  await bus.publishMany(OrderPlaced, someOrders(4));
  await eventually(async () => (await bus.stats()).channels[0]?.groups[0]?.delivered === 4);
  const closed = bus.close();
  assert.equal((await bus.health()).status, "failed");
  gate.resolve();
  await closed;
  assert.deepEqual(outcomes, [false, false, false, false]);
});

test("memory: a close whose deadline has passed waits for no clock", async () => {
  const clock = new VirtualClock();
  const transport = memory();
  const bus = await createBus({ name: "shop", transport, clock });
  await bus.publish(OrderPlaced, { orderId: "6", cents: 1 });
  transport.append = () => new Promise(() => undefined);
  const unsure = assert.rejects(bus.publish(OrderPlaced, { orderId: "7", cents: 1 }), {
    code: "CLOSED",
    certainty: "indefinite",
  });
  await clock.settle();
  await assert.rejects(bus.close({ timeoutMs: 0 }), { code: "DRAIN_DEADLINE" });
  await unsure;
});

test("memory: a handler that does not finish in time is given up, and close says so", async () => {
  const clock = new VirtualClock();
  const bus = await createBus({ name: "shop", transport: memory(), clock, drainTimeoutMs: 3_000 });
  let signal: AbortSignal | undefined;
  await bus.subscribe(OrderPlaced, async (_message, context) => {
    signal = context.signal;
    await new Promise(() => undefined);
  });
  void bus.publish(OrderPlaced, { orderId: "7", cents: 1 });
  await clock.settle();
  const closed = assert.rejects(bus.close(), (error) => {
    assert.ok(error instanceof SpillwayError);
    assert.deepEqual([error.code, error.details["timeoutMs"]], ["DRAIN_DEADLINE", 3_000]);
    return true;
  });
  await clock.advance(3_000);
  await closed;
  assert.equal(signal?.aborted, true);
  await assert.rejects(bus.close(), { code: "DRAIN_DEADLINE" });
});

test("embedded: what was not finished is delivered to the next bus", async () => {
  const directory = directoryFor();
  const first = await createBus({ name: "shop", transport: await journalIn(directory) });
  const taken: string[] = [];
  await first.subscribe(OrderPlaced, { concurrency: 2 }, async (message) => {
    taken.push(message.data.orderId);
    if (message.data.cents > 0) await new Promise(() => undefined);
  });
  await first.publishMany(OrderPlaced, someOrders(3));
  await eventually(() => taken.length === 3);
  await assert.rejects(first.close({ timeoutMs: 100 }), { code: "DRAIN_DEADLINE" });
  await using second = await createBus({ name: "shop", transport: await journalIn(directory) });
  const again: string[] = [];
  await second.subscribe(OrderPlaced, async (message) => {
    again.push(message.data.orderId);
  });
  await eventually(() => again.length === 2);
  assert.deepEqual(again.sort(), ["order-1", "order-2"]);
  assert.equal((await collect(second.read(OrderPlaced))).length, 3);
});

testOnEach(
  "a closed subscription hands its messages to the others of its group",
  async (transport) => {
    await using bus = await createBus({ name: "shop", transport });
    const release = Promise.withResolvers<void>();
    let stuck = 0;
    const first = await bus.subscribe(OrderPlaced, { concurrency: 4 }, async () => {
      stuck++;
      await release.promise;
    });
    await bus.publishMany(OrderPlaced, someOrders(4));
    await eventually(() => stuck === 4);
    await assert.rejects(first.close({ timeoutMs: 0 }), { code: "DRAIN_DEADLINE" });
    const done: string[] = [];
    await bus.subscribe(OrderPlaced, async (message) => {
      done.push(message.data.orderId);
    });
    await eventually(() => done.length === 4);
    release.resolve();
  },
);

test("embedded: SIGTERM drains, and then ends the process as a signal does", async () => {
  const directory = directoryFor();
  const program = join(import.meta.dirname, "fixtures", "bus-until-signal.ts");
  const args = ["--conditions=spillway:source", "--no-warnings", program, directory];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (output.includes("busy\n") && !child.killed) child.kill("SIGTERM");
  });
  const [code, signal] = (await exited) as [number | null, string | null];
  assert.deepEqual([code, signal], [null, "SIGTERM"]);
  assert.match(output, /busy\n(.*\n)*handled\n/);
  await using bus = await createBus({ name: "shop", transport: await journalIn(directory) });
  const Slow = defineEvent("test.slow", { data: z.object({ n: z.int() }) });
  const subscription = await bus.subscribe(Slow, async () => undefined);
  const stored = await collect(bus.read(Slow));
  assert.equal(stored.length, 2, "the publish that was not awaited is stored");
  assert.equal((await subscription.stats()).redelivered, 0);
});

test("a bus that opted out leaves signals alone", async () => {
  const before = process.listenerCount("SIGTERM");
  await using silent = await createBus({
    name: "a",
    transport: memory(),
    shutdownSignals: [],
  });
  assert.equal(process.listenerCount("SIGTERM"), before);
  const buses = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      createBus({ name: `bus-${index}`, transport: memory() }),
    ),
  );
  assert.equal(process.listenerCount("SIGTERM"), before + 1);
  await Promise.all(buses.map((bus) => bus.close()));
  assert.equal(process.listenerCount("SIGTERM"), before);
  assert.equal(silent.name, "a");
});

test("a transport that cannot be used is closed again", async () => {
  const transport = memory();
  let closes = 0;
  const close = transport.close.bind(transport);
  transport.close = async () => {
    closes++;
    await close();
  };
  transport.declare = () => Promise.reject(new SpillwayError("CHANNEL_CONFLICT", "taken"));
  const { defineChannel } = await import("spillway");
  const channels = [defineChannel("orders", { messages: [OrderPlaced] })];
  await assert.rejects(createBus({ name: "shop", transport, channels }), {
    code: "CHANNEL_CONFLICT",
  });
  assert.equal(closes, 1);
});
