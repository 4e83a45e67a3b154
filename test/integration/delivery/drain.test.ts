// Ending a subscription: what still finishes, what is left to others, and the deadline.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SpillwayError } from "../../../src/errors/spillway-error.ts";
import { delay } from "../../../src/kernel/clock.ts";
import type { Consumer } from "../../../src/ports/transport.ts";
import { FaultyConsumer } from "./faulty-consumer.ts";
import { Gate, numberOf, World } from "./world.ts";

test("a drain lets running handlers finish, commits them, and starts no others", async () => {
  const world = await World.open();
  await world.publishKeys("abcdef");
  const started: number[] = [];
  const { delivery } = await world.subscribe(
    async (message) => {
      started.push(numberOf(message));
      await delay(world.clock, 50);
    },
    { concurrency: 2 },
  );
  await world.clock.settle();
  let result: boolean | undefined;
  void delivery.drain(world.clock.monotonicMs() + 1_000).then((done) => (result = done));
  await world.clock.advance(49);
  assert.equal(result, undefined);
  await world.clock.advance(1);
  assert.equal(result, true);
  assert.deepEqual(started, [0, 1]);
  assert.deepEqual(await world.depth(), { depth: 4, open: 0 });
  const rest: number[] = [];
  await world.subscribe((message) => void rest.push(numberOf(message)));
  await world.clock.settle();
  assert.deepEqual(rest, [2, 3, 4, 5]);
  assert.equal(world.clock.timersWaiting <= 1, true, "of the second subscription at most");
  await world.close();
});

test("at the deadline signals fire, and what did not finish is delivered to others", async () => {
  const world = await World.open();
  await world.publishKeys("ab");
  const gate = new Gate();
  const reasons: unknown[] = [];
  const { delivery } = await world.subscribe(async (message, { signal }) => {
    if (numberOf(message) === 0) return;
    signal.addEventListener("abort", () => reasons.push(signal.reason));
    await gate.promise;
  });
  await world.clock.settle();
  let result: boolean | undefined;
  const first = delivery.drain(world.clock.monotonicMs() + 500);
  assert.equal(delivery.drain(world.clock.monotonicMs() + 9_000), first, "the first one counts");
  void first.then((done) => (result = done));
  await world.clock.advance(500);
  assert.equal(result, false);
  assert.ok(reasons[0] instanceof SpillwayError && reasons[0].code === "CLOSED");
  gate.open();
  const others: string[] = [];
  await world.subscribe(
    (message, { attempt }) => void others.push(`${numberOf(message)}.${attempt}`),
  );
  await world.clock.settle();
  assert.deepEqual(others, ["1.1"]);
  await world.close();
});

test("a drain at once, in the middle of nothing, and after a failure resolves", async () => {
  const world = await World.open();
  const idle = await world.subscribe(() => undefined);
  assert.equal(await idle.delivery.drain(world.clock.monotonicMs()), true);
  await world.publishKeys("a");
  const hanging = await world.subscribe(() => new Promise(() => undefined), { group: "h" });
  await world.clock.settle();
  const drained = hanging.delivery.drain(world.clock.monotonicMs());
  assert.equal(await drained, false);
  await world.close();
});

test("a drain after a failure has nothing to wait for; one that fails says why", async () => {
  const world = await World.open();
  await world.publishKeys("a");
  const gate = new Gate();
  const broken = new SpillwayError("JOURNAL_IO", "the disk is gone");
  const fails = (inner: Consumer) =>
    new FaultyConsumer(inner, () => gate.promise.then(() => broken));
  const first = await world.subscribe(() => undefined, {}, { wrap: fails });
  const second = await world.subscribe(() => undefined, { group: "h" }, { wrap: fails });
  await world.clock.settle();
  const drained = assert.rejects(second.delivery.drain(world.clock.monotonicMs() + 1_000), {
    code: "CLOSED",
    certainty: "indefinite",
    message: /transport failed: the disk is gone/,
  });
  gate.open();
  assert.equal(await first.delivery.failure, broken);
  await drained;
  assert.equal(await first.delivery.drain(world.clock.monotonicMs() + 1_000), true);
  await world.close();
});

test("a drain waits for commits under way", async () => {
  const world = await World.open();
  await world.publishKeys("a");
  const gate = new Gate();
  const wrap = (inner: Consumer) =>
    new FaultyConsumer(inner, () => gate.promise.then(() => "pass"));
  const { delivery } = await world.subscribe(() => undefined, {}, { wrap });
  await world.clock.settle();
  let result: boolean | undefined;
  void delivery.drain(world.clock.monotonicMs() + 1_000).then((done) => (result = done));
  await world.clock.settle();
  assert.equal(result, undefined);
  gate.open();
  await world.clock.settle();
  assert.equal(result, true);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  await world.close();
});

test("at-most-once: a drain still handles what is acknowledged", async () => {
  const world = await World.open();
  await world.publishKeys("abcdef");
  const handled: number[] = [];
  const { delivery } = await world.subscribe(
    async (message) => {
      await delay(world.clock, 10);
      handled.push(numberOf(message));
    },
    { delivery: "at-most-once", concurrency: 1 },
  );
  await world.clock.settle();
  void delivery.drain(world.clock.monotonicMs() + 1_000);
  await world.clock.advance(1_000);
  assert.deepEqual(handled, [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  await world.close();
});

test("a waiting retry does not hold a drain up; its attempt is kept", async () => {
  const world = await World.open();
  await world.publishKeys("a");
  const retry = { attempts: 5, delayMsMin: 1e9, delayMsMax: 1e9 };
  const { delivery } = await world.subscribe(
    () => {
      throw new Error("later");
    },
    { retry },
  );
  await world.clock.settle();
  assert.equal(await delivery.drain(world.clock.monotonicMs() + 1_000), true);
  assert.equal(world.clock.timersWaiting, 0, "no timer outlives the subscription");
  const attempts: number[] = [];
  await world.subscribe((_message, { attempt }) => void attempts.push(attempt), { retry });
  await world.clock.advance(1e9);
  assert.deepEqual(attempts, [2]);
  await world.close();
});

test("a handler may take for ever where it is allowed to: no timer is set", async () => {
  const world = await World.open();
  await world.publishKeys("a");
  const gate = new Gate();
  const { counters } = await world.subscribe(() => gate.promise, {
    timeoutMs: Number.POSITIVE_INFINITY,
  });
  await world.clock.advance(1e9);
  assert.equal(world.clock.timersWaiting, 0);
  gate.open();
  await world.clock.settle();
  assert.deepEqual([counters.acked, counters.handlerTimeouts], [1, 0]);
  await world.close();
});
