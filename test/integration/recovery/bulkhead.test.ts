// Bulkheads: a bound on running handlers that subscriptions share; and handlers that do not end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bulkhead, createBus, deadLetter, errorPolicy, otherwise, pause, when } from "spillway";
import { memory } from "spillway/memory";
import { delay } from "../../../src/kernel/clock.ts";
import { Bulkhead, BulkheadGate, bulkheadMembersMax } from "../../../src/recovery/bulkhead.ts";
import { recoveryFor } from "../../../src/recovery/subscription-recovery.ts";
import { OrderPlaced } from "../bus-subjects.ts";
import { numberOf, type World } from "../delivery/world.ts";
import { testEach } from "./subjects.ts";

/** Recovery of a subscription that shares this bulkhead. */
function sharing(world: World, shared: Bulkhead, group: string) {
  const { clock, random } = world;
  const scope = { channel: "orders", group, concurrency: 8, clock, random };
  return { ...recoveryFor({ bulkhead: shared }, scope), group, concurrency: 8 };
}

testEach(
  "subscriptions share it, none starves, and each does all its work",
  async (world, options) => {
    const { clock } = world;
    const shared = bulkhead("payments", { concurrency: 3 });
    await world.publish(Array.from({ length: 60 }, (_, n) => ({ key: `k${n}`, n })));
    let running = 0;
    let runningMax = 0;
    const ended: string[] = [];
    for (const group of ["a", "b", "c", "d"]) {
      await world.subscribe(
        async () => {
          runningMax = Math.max(runningMax, ++running);
          await delay(clock, 10);
          running--;
          ended.push(group);
        },
        { ...sharing(world, shared, group), ...options },
      );
    }
    await clock.advance(400);
    const counts = ["a", "b", "c", "d"].map(
      (group) => ended.filter((each) => each === group).length,
    );
    assert.equal(runningMax, 3);
    assert.ok(
      Math.min(...counts) >= 20 && Math.max(...counts) <= 40,
      `fair shares: ${String(counts)}`,
    );
    await clock.advance(1_000);
    assert.equal(ended.length, 240);
    const status = { name: "payments", concurrency: 3, running: 0, waiting: 0 };
    assert.deepEqual(shared.status, status);
  },
);

testEach(
  "a handler that ignores its signal holds neither its place nor its commit",
  async (world, options) => {
    const { clock } = world;
    const shared = bulkhead("payments", { concurrency: 1 });
    await world.publish(Array.from({ length: 6 }, (_, n) => ({ key: `k${n}`, n })));
    const reasons: unknown[] = [];
    const done: number[] = [];
    let end: () => void = () => undefined;
    await world.subscribe(
      async (message, context) => {
        if (numberOf(message) > 0) {
          done.push(numberOf(message));
          return;
        }
        context.signal.addEventListener("abort", () => reasons.push(context.signal.reason));
        await new Promise<void>((resolve) => (end = resolve));
        done.push(-1);
      },
      {
        ...sharing(world, shared, "g"),
        ...options,
        timeoutMs: 500,
        retry: { attempts: 1, delayMsMin: 0, delayMsMax: 0 },
      },
    );
    await clock.advance(499);
    assert.deepEqual([done, shared.status.running], [[], 1]);
    await clock.advance(2);
    assert.deepEqual(done, [1, 2, 3, 4, 5]);
    assert.match(String(reasons), /HANDLER_TIMEOUT|did not settle within 500 ms/);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
    assert.equal((await world.read("orders.dead-letters")).length, 1);
    end();
    await clock.settle();
    assert.equal((await world.read("orders.dead-letters")).length, 1);
    assert.equal(shared.status.running, 0, "its place is given back once");
  },
);

testEach("what a circuit holds up does not queue for a place", async (world, options) => {
  const { clock, random } = world;
  const shared = bulkhead("payments", { concurrency: 1 });
  await world.publish(Array.from({ length: 20 }, (_, n) => ({ key: `k${n}`, n })));
  class DownError extends Error {}
  const errors = errorPolicy(when(DownError, pause()), otherwise(deadLetter()));
  const scope = { channel: "orders", group: "a", concurrency: 8, clock, random };
  const paused = { ...recoveryFor({ errors, bulkhead: shared }, scope), group: "a" };
  await world.subscribe(
    () => {
      throw new DownError("away");
    },
    { ...options, ...paused },
  );
  let done = 0;
  const other = { ...options, ...sharing(world, shared, "b") };
  await world.subscribe(() => void done++, other);
  await clock.advance(200);
  assert.equal(done, 20);
  assert.deepEqual([shared.status.running, shared.status.waiting], [0, 0]);
});

test("a place that nobody takes is offered to the next", () => {
  const shared = new Bulkhead("x", 1);
  const gates = Array.from({ length: 3 }, () => new BulkheadGate(shared));
  const woken: number[] = [];
  const ends = gates.map((gate, index) =>
    gate.attach(() => {
      woken.push(index);
      if (index === 2) assert.equal(gate.enter(), true);
    }),
  );
  assert.equal(gates[0]?.enter(), true);
  assert.equal(gates[1]?.enter(), false);
  assert.equal(gates[2]?.enter(), false);
  assert.equal(gates[0]?.mayGoOn(), false, "others wait");
  gates[0]?.leave();
  assert.deepEqual(woken, [1, 2]);
  assert.deepEqual([shared.status.running, shared.status.waiting], [1, 0]);
  gates[2]?.leave();
  for (const end of ends) end();
});

test("who was closed while waiting is not asked; members are bounded", () => {
  const shared = new Bulkhead("x", 1);
  const first = new BulkheadGate(shared);
  const ends = [first.attach(() => undefined)];
  assert.equal(first.enter(), true);
  const second = new BulkheadGate(shared);
  const end = second.attach(() => assert.fail("it is closed"));
  assert.equal(second.enter(), false);
  end();
  first.leave();
  assert.deepEqual(shared.status, { name: "x", concurrency: 1, running: 0, waiting: 0 });
  const attach = (): number => ends.push(new BulkheadGate(shared).attach(() => undefined));
  while (ends.length < bulkheadMembersMax) attach();
  assert.throws(attach, /bulkhead 'x' is shared by 1000 subscriptions already: make another/);
});

test("options out of range are refused", async () => {
  assert.throws(() => bulkhead("", { concurrency: 1 }), /bulkhead: the name is /);
  assert.throws(() => bulkhead("x", { concurrency: 0 }), /bulkhead 'x': concurrency is 0: give a/);
  await using bus = await createBus({ name: "shop", transport: memory() });
  const wrong = { bulkhead: { name: "x" } as never };
  await assert.rejects(
    bus.subscribe(OrderPlaced, wrong, async () => undefined),
    /bulkhead is \[object Object\]: give what bulkhead/,
  );
});
