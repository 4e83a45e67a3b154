// Parked messages: held until they are released, over restarts, with their key behind them; and
// what happens when too many wait behind one.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeliveryOptions } from "../../../src/delivery/delivery-options.ts";
import type { StartGate } from "../../../src/delivery/start-gate.ts";
import { RetryLater } from "../../../src/errors/handler-outcomes.ts";
import { deadLetter, park, retry } from "../../../src/recovery/actions.ts";
import { errorPolicy } from "../../../src/recovery/error-policy.ts";
import { otherwise } from "../../../src/recovery/matching.ts";
import { immediate } from "../../../src/recovery/schedules.ts";
import { keyOf, numberOf, type World } from "../delivery/world.ts";
import { openOn, testEach, withPolicy } from "./subjects.ts";

const longMs = 60_000;
const parking = errorPolicy(
  otherwise(retry(immediate(), { attempts: 2 }).then(park("a person looks at it"))),
);

/** Handles everything but the numbers in `broken`; notes number and attempt. */
function handlerOf(broken: Set<number>, done: string[]) {
  return (message: { readonly data: unknown }, { attempt }: { readonly attempt: number }): void => {
    if (broken.has(numberOf(message))) throw new Error("broken");
    done.push(`${keyOf(message)}${numberOf(message)}.${attempt}`);
  };
}

testEach(
  "a parked message waits until it is released; only its key waits with it",
  async (world, options) => {
    const { clock } = world;
    const done: string[] = [];
    const broken = new Set([0]);
    await world.publishKeys("abab");
    const { delivery } = await world.subscribe(handlerOf(broken, done), {
      ...withPolicy(world, parking),
      ...options,
    });
    await clock.advance(longMs);
    const waits = options.order === "key";
    assert.deepEqual(done, waits ? ["b1.1", "b3.1"] : ["b1.1", "a2.1", "b3.1"]);
    assert.deepEqual(delivery.held, [
      { priority: "normal", offset: 0, key: waits ? "a" : undefined, attempts: 2 },
    ]);
    assert.deepEqual(await world.read("orders.dead-letters"), []);
    assert.equal(delivery.release({ offset: 5 }) + delivery.release({ key: "z" }), 0);
    assert.equal(delivery.release({ priority: "high" }), 0);
    await clock.advance(1);

    assert.equal(delivery.release({ offset: 0 }), 1);
    assert.equal(delivery.release({}), 0, "it is released already");
    await clock.advance(longMs);
    assert.equal(delivery.held.length, 1, "it failed again and is held again");
    assert.equal(delivery.held[0]?.attempts, 3);

    broken.clear();
    assert.equal(delivery.release(waits ? { key: "a" } : {}), 1);
    await clock.settle();
    assert.deepEqual(done.slice(waits ? 2 : 3), waits ? ["a0.4", "a2.1"] : ["a0.4"]);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
    assert.deepEqual(delivery.held, []);
  },
);

testEach("a successor finds what is parked, and in order", async (world, options) => {
  const { clock } = world;
  const done: string[] = [];
  const broken = new Set([0, 2]);
  await world.publishKeys("aaaa");
  const recovery = { ...withPolicy(world, parking), ...options };
  const first = await world.subscribe(handlerOf(broken, done), recovery);
  await clock.advance(1_000);
  await first.delivery.drain(clock.monotonicMs() + 1_000);
  const { delivery } = await world.subscribe(handlerOf(broken, done), recovery);
  await world.publish([{ key: "a", n: 4 }]);
  await clock.advance(longMs);
  const waits = options.order === "key";
  assert.deepEqual(
    delivery.held.map(({ offset }) => offset),
    waits ? [0] : [0, 2],
  );
  broken.clear();
  for (let round = 0; delivery.held.length > 0; round++) {
    assert.ok(round < 3);
    assert.ok(delivery.release({}) > 0);
    await clock.advance(1_000);
  }
  const numbers = done.map((each) => each.replace(/\..*/, ""));
  if (waits) assert.deepEqual(numbers, ["a0", "a1", "a2", "a3", "a4"]);
  assert.equal(new Set(numbers).size, 5);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
});

testEach(
  "a message that is released before its turn has come is handled once",
  async (world, options) => {
    const { clock } = world;
    const done: string[] = [];
    const broken = new Set([0]);
    await world.publishKeys("ab");
    const recovery = { ...withPolicy(world, parking), ...options };
    const first = await world.subscribe(handlerOf(broken, done), recovery);
    await clock.advance(1_000);
    await first.delivery.drain(clock.monotonicMs() + 1_000);
    broken.clear();
    // Everything is fetched, nothing starts.
    let isClosed = true;
    let wake = (): void => undefined;
    const gate: StartGate = {
      limit: 16,
      troubles: [],
      enter: () => !isClosed,
      mayGoOn: () => true,
      leave: () => undefined,
      attach: (woken) => {
        wake = woken;
        return () => undefined;
      },
    };
    const { delivery } = await world.subscribe(handlerOf(broken, done), { ...recovery, gate });
    await clock.advance(1_000);
    assert.deepEqual([delivery.held.length, delivery.release({}), delivery.release({})], [1, 1, 0]);
    await clock.advance(1_000);
    isClosed = false;
    wake();
    await clock.advance(1_000);
    assert.deepEqual(done, ["b1.1", "a0.3"]);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  },
);

testEach(
  "a released message behind another held one of its key is held in its turn",
  async (world, options) => {
    if (options.order === "none") return;
    const done: string[] = [];
    const broken = new Set([0, 1]);
    await world.publishKeys("aaa");
    const { delivery } = await world.subscribe(handlerOf(broken, done), {
      ...withPolicy(world, parking),
      ...options,
    });
    await world.clock.advance(1_000);
    broken.delete(0);
    assert.equal(delivery.release({}), 1);
    await world.clock.advance(1_000);
    assert.deepEqual(done, ["a0.3"]);
    assert.deepEqual(
      delivery.held.map(({ offset }) => offset),
      [1],
    );
    broken.delete(1);
    delivery.release({});
    await world.clock.advance(1_000);
    assert.deepEqual(done, ["a0.3", "a1.3", "a2.1"]);
  },
);

const full = (world: World): Partial<DeliveryOptions> => ({
  limits: { parkedPerKeyMax: 4, fetchMessagesMax: 10 },
  ...withPolicy(world, errorPolicy(otherwise(retry().then(deadLetter())))),
});

for (const transport of ["memory", "embedded"] as const) {
  for (const delivery of ["at-least-once", "effectively-once"] as const) {
    test(`${transport}, ${delivery}: a full key that pauses loses nothing`, async (t) => {
      const world = await openOn(transport, t);
      const { clock } = world;
      await world.publishKeys("aaaabaaaaa".repeat(3));
      const done: string[] = [];
      let isBroken = true;
      const subscribed = await world.subscribe(
        (message) => {
          if (isBroken && numberOf(message) === 0) throw new RetryLater({ afterMs: 1_000 });
          done.push(`${keyOf(message)}${numberOf(message)}`);
        },
        { ...full(world), delivery, onKeyFull: "pause" },
      );
      await clock.advance(2_500);
      // The first ten, and the batch that was being fetched when the key was full.
      const { delivered } = subscribed.counters;
      assert.ok(delivered >= 10 && delivered <= 20, `${delivered} fetched`);
      assert.deepEqual(done.slice(0, 1), ["b4"], "other keys flow");
      const { open } = await world.depth();
      assert.equal(open, 5);
      assert.match(
        subscribed.delivery.troubles.join(),
        /4 messages wait behind a failed one of their key; nothing new/,
      );
      assert.deepEqual(await world.read("orders.dead-letters"), []);
      isBroken = false;
      await clock.advance(5_000);
      assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
      const numbers = done
        .filter((each) => each.startsWith("a"))
        .map((each) => Number(each.slice(1)));
      assert.deepEqual(
        numbers,
        [...numbers].sort((left, right) => left - right),
      );
      assert.equal(done.length, 30);
      assert.deepEqual(subscribed.delivery.troubles, []);
    });

    test(`${transport}, ${delivery}: a parked message goes with its full key`, async (t) => {
      const world = await openOn(transport, t);
      await world.publishKeys("aaaaaab");
      const done: string[] = [];
      const { counters } = await world.subscribe(handlerOf(new Set([0]), done), {
        limits: { parkedPerKeyMax: 4 },
        ...withPolicy(world, parking),
        delivery,
      });
      await world.clock.advance(1_000);
      assert.deepEqual(done.toSorted(), ["a5.1", "b6.1"]);
      assert.equal(counters.deadLettered, 5);
      assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
    });
  }
}
