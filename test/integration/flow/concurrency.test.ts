// How many handlers run at once, and how that is changed while they run.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus, flowControl, rateLimit } from "spillway";
import { memory } from "spillway/memory";
import { OrderPlaced } from "../bus-subjects.ts";
import { publishMany, subscribeWith, testOnBoth } from "./flow-world.ts";

testOnBoth(
  "concurrency is changed up and down while handlers run; what runs goes on",
  async (world) => {
    await publishMany(world, "k", 200);
    const { flow, running, starts } = await subscribeWith(
      world,
      { concurrency: 2 },
      { handlerMs: 100 },
    );
    await world.clock.advance(250);
    assert.equal(running.most, 2);
    flow.update({ concurrency: 8 });
    await world.clock.advance(150);
    assert.equal(running.now, 8);
    const before = starts.length;
    flow.update({ concurrency: 3 });
    await world.clock.settle();
    assert.equal(running.now, 8, "what runs goes on");
    assert.equal(starts.length, before);
    await world.clock.advance(100);
    assert.equal(running.now, 3);
    await world.clock.advance(1_000);
    assert.equal(running.now, 3);
    flow.update({ concurrency: 200 });
    await world.clock.advance(200);
    assert.equal(starts.length, 200);
    assert.equal((await world.depth()).depth, 0);
  },
);

testOnBoth(
  "paused it starts and fetches nothing; what runs is settled; resumed it goes on",
  async (world) => {
    await publishMany(world, "k", 20);
    const { flow, running, starts, delivery } = await subscribeWith(
      world,
      { concurrency: 4 },
      { handlerMs: 100 },
    );
    await world.clock.advance(50);
    flow.pause();
    await world.clock.advance(10_000);
    assert.equal(starts.length, 4);
    assert.equal(running.now, 0);
    assert.equal((await world.depth()).depth, 16);
    assert.match(delivery.troubles.join(), /paused/);
    flow.resume();
    await world.clock.advance(1_000);
    assert.equal(starts.length, 20);
    assert.deepEqual(delivery.troubles, []);
  },
);

test("both forms of concurrency at once are refused, and what is no flow control", async () => {
  await using bus = await createBus({ name: "shop", transport: memory() });
  const flow = flowControl({ concurrency: 3 });
  await assert.rejects(
    bus.subscribe(OrderPlaced, { flow, concurrency: 3 }, async () => {}),
    {
      code: "INVALID_ARGUMENT",
      message: /concurrency is 3 beside flow/,
    },
  );
  const wrong = { concurrency: 3 } as unknown as typeof flow;
  await assert.rejects(
    bus.subscribe(OrderPlaced, { flow: wrong }, async () => {}),
    {
      code: "INVALID_ARGUMENT",
      message: /flowControl\(/,
    },
  );
  const subscription = await bus.subscribe(OrderPlaced, { flow }, async () => {});
  assert.equal(subscription.flow.settings.concurrency, 3);
  subscription.flow.update({ concurrency: 1, rates: [rateLimit({ perSecond: 5 })] });
  assert.equal(subscription.flow.settings.concurrency, 1);
  assert.equal(subscription.flow.settings.rates.length, 1);
  assert.throws(() => subscription.flow.update({ concurrency: 0 }), { code: "INVALID_ARGUMENT" });
  assert.equal(subscription.flow.settings.concurrency, 1);
});
