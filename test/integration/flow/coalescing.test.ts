// The last one wins: messages of a key that are taken together.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { memory } from "../../../src/adapters/memory/index.ts";
import { defineEvent } from "../../../src/contracts/event.ts";
import { flowControl } from "../../../src/flow/flow-control.ts";
import { SharedRates } from "../../../src/flow/shared/shared-rates.ts";
import { SubscriptionFlow } from "../../../src/flow/subscription-flow.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { Noted, Placed } from "../delivery/world.ts";
import { publishMany, type Start, subscribeWith, testOnBoth } from "./flow-world.ts";

const cancelled = defineEvent("order.cancelled", {
  data: z.object({ key: z.string(), n: z.number() }),
  key: (order) => order.key,
});

const shown = ({ key, n, atMs }: Start): readonly unknown[] => [key, n, atMs];

testOnBoth(
  "coalesce: the first waits, the last is handled, all are settled and counted",
  async (world) => {
    const coalesce = { withinMs: 1_000 };
    const { starts, counters } = await subscribeWith(world, { coalesce });
    await world.publish([
      { key: "a", n: 1 },
      { key: "b", n: 2 },
    ]);
    await world.clock.advance(400);
    await world.publish([
      { key: "a", n: 3 },
      { key: "c", n: 4 },
    ]);
    await world.clock.advance(500);
    await world.publish([{ key: "a", n: 5 }]);
    await world.clock.advance(50);
    assert.deepEqual(starts, []);
    await world.clock.advance(50);
    assert.deepEqual(starts.map(shown), [
      ["a", 5, 1_000],
      ["b", 2, 1_000],
    ]);
    await world.publish([{ key: "a", n: 6 }]);
    await world.clock.advance(1_000);
    assert.deepEqual(starts.slice(2).map(shown), [
      ["c", 4, 1_400],
      ["a", 6, 2_000],
    ]);
    assert.equal(counters.coalesced, 2);
    assert.equal(counters.acked, 6);
    assert.equal((await world.depth()).depth, 0);
  },
);

testOnBoth("debounce: each further one puts it off, up to the longest wait", async (world) => {
  const debounce = { quietMs: 100, waitMsMax: 450 };
  const { starts, counters } = await subscribeWith(world, { debounce });
  for (let n = 0; n < 10; n++) {
    await world.publish([{ key: "a", n }]);
    await world.clock.advance(60);
  }
  await world.clock.advance(100);
  assert.deepEqual(starts.map(shown), [
    ["a", 7, 450],
    ["a", 9, 640],
  ]);
  assert.equal(counters.coalesced, 8);
});

testOnBoth("a message replaces one of its own type only; a key's order stays", async (world) => {
  world.routed(cancelled);
  const { starts } = await subscribeWith(
    world,
    { coalesce: { withinMs: 500 } },
    {
      contracts: [Placed, Noted, cancelled],
    },
  );
  await world.publish([{ key: "a", n: 1 }]);
  await world.publish([{ key: "a", n: 2 }], cancelled);
  await world.publish([{ key: "a", n: 3 }]);
  await world.clock.advance(500);
  assert.deepEqual(
    starts.map(({ n }) => n),
    [2, 3],
  );
});

testOnBoth(
  "without an order a function says what is told apart; undefined waits for nobody",
  async (world) => {
    const { starts, counters } = await subscribeWith(
      world,
      { coalesce: { withinMs: 500, by: ({ tenant }) => tenant } },
      { order: "none" },
    );
    await publishMany(world, "x", 10, { tenant: "t" });
    await publishMany(world, "y", 2);
    await world.clock.settle();
    assert.deepEqual(
      starts.map(({ key }) => key),
      ["y0", "y1"],
    );
    await world.clock.advance(500);
    assert.deepEqual(
      starts.slice(2).map(({ key }) => key),
      ["x9"],
    );
    assert.equal(counters.coalesced, 9);
  },
);

testOnBoth("what failed is not passed over; later ones wait behind it", async (world) => {
  let failures = 1;
  const { starts, counters } = await subscribeWith(
    world,
    { coalesce: { withinMs: 100 } },
    {
      retry: { attempts: 3, delayMsMin: 5_000, delayMsMax: 5_000 },
      handler: () => {
        if (failures-- > 0) throw new Error("once");
      },
    },
  );
  await world.publish([{ key: "a", n: 1 }]);
  await world.clock.advance(100);
  for (let n = 2; n < 6; n++) await world.publish([{ key: "a", n }]);
  await world.clock.advance(10_000);
  assert.deepEqual(
    starts.map(({ n }) => n),
    [1, 1, 5],
  );
  assert.equal(counters.coalesced, 3);
  assert.equal((await world.depth()).depth, 0);
});

testOnBoth(
  "closed while they wait, the next member handles the last of each key",
  async (world) => {
    const first = await subscribeWith(world, { coalesce: { withinMs: 1_000 } });
    for (let n = 0; n < 5; n++)
      await world.publish([
        { key: "a", n },
        { key: "b", n },
      ]);
    await world.clock.advance(500);
    await first.delivery.drain(world.clock.monotonicMs() + 1);
    assert.deepEqual(first.starts, []);
    const second = await subscribeWith(world, { coalesce: { withinMs: 1_000 } });
    await world.clock.advance(499);
    assert.deepEqual(second.starts, []);
    await world.clock.advance(1);
    assert.deepEqual(
      second.starts.map(shown),
      [
        ["a", 4, 1_000],
        ["b", 4, 1_000],
      ],
      "not begun anew",
    );
    assert.equal((await world.depth()).depth, 0);
  },
);

testOnBoth("the window bounds what waits: the rest comes when there is room", async (world) => {
  await publishMany(world, "k", 100);
  await publishMany(world, "k", 100);
  const limits = { windowMessagesMax: 20, fetchMessagesMax: 20 };
  const { starts } = await subscribeWith(world, { coalesce: { withinMs: 1_000 } }, { limits });
  await world.clock.advance(999);
  assert.equal(starts.length, 0);
  await world.clock.advance(20_000);
  assert.equal((await world.depth()).depth, 0);
  assert.ok(starts.length >= 100 && starts.length <= 200, `${starts.length}`);
});

testOnBoth(
  "a change of the rule: what waits goes when it would have, or at once without",
  async (world) => {
    const { starts, flow } = await subscribeWith(world, { coalesce: { withinMs: 60_000 } });
    await world.publish([{ key: "a", n: 1 }]);
    await world.clock.advance(500);
    flow.update({ coalesce: { withinMs: 1_000 } });
    await world.clock.advance(500);
    assert.deepEqual(starts.map(shown), [["a", 1, 1_000]]);
    await world.publish([{ key: "a", n: 2 }]);
    await world.clock.settle();
    flow.update({ coalesce: undefined });
    await world.clock.settle();
    assert.deepEqual(
      starts.map(({ n }) => n),
      [1, 2],
    );
    await world.publish([{ key: "a", n: 3 }]);
    await world.clock.settle();
    assert.equal(starts.length, 3);
  },
);

test("a function beside the order by key is refused: a key's messages would change places", () => {
  const options = flowControl({ coalesce: { withinMs: 1, by: () => "x" } });
  const clock = new VirtualClock();
  const shared = new SharedRates({ transport: memory(), clock, random: seededRandom(1) });
  const make = (order: "key" | "none") => new SubscriptionFlow(options, { clock, order, shared });
  assert.throws(() => make("key"), { code: "INVALID_ARGUMENT", message: /change places/ });
  assert.ok(make("none"));
});
