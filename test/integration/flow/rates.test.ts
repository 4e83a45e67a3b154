// Rates: never more than they allow, in any time; who waits holds no handler and holds nobody up.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../../src/kernel/clock.ts";
import { rateLimit } from "../../../src/flow/rate-limit.ts";
import { RateBuckets } from "../../../src/flow/rate-buckets.ts";
import { TokenBucket } from "../../../src/flow/token-bucket.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { Noted } from "../delivery/world.ts";
import { mostWithin, publishMany, subscribeWith, testOnBoth } from "./flow-world.ts";

testOnBoth("a rate of the subscription: burst at once, then so many a second", async (world) => {
  await publishMany(world, "k", 100);
  const rates = [rateLimit({ perSecond: 20, burst: 5 })];
  const { starts, running } = await subscribeWith(world, { rates });
  await world.clock.settle();
  assert.equal(starts.length, 5);
  await world.clock.advance(1_000);
  assert.equal(starts.length, 25);
  assert.equal(running.now, 0);
  await world.clock.advance(4_000);
  assert.equal(starts.length, 100);
  assert.equal(mostWithin(starts, 1_000), 25 - 1);
});

testOnBoth(
  "a rate by type and one by key: others flow, each bucket keeps to its own",
  async (world) => {
    const rates = [
      rateLimit({
        perSecond: 1,
        burst: 1,
        by: ({ type }) => (type === Noted.type ? type : undefined),
      }),
      rateLimit({ perSecond: 2, burst: 1, by: "key" }),
    ];
    await world.publish(
      Array.from({ length: 10 }, (_, n) => ({ n })),
      Noted,
    );
    await world.publish(Array.from({ length: 10 }, (_, n) => ({ key: "hot", n })));
    await publishMany(world, "k", 50);
    const { starts } = await subscribeWith(world, { rates, concurrency: 1 });
    await world.clock.settle();
    const of = (test: (start: (typeof starts)[number]) => boolean): number =>
      starts.filter(test).length;
    assert.equal(
      of(({ key }) => key?.startsWith("k") === true),
      50,
    );
    assert.equal(
      of(({ type }) => type === Noted.type),
      1,
    );
    assert.equal(
      of(({ key }) => key === "hot"),
      1,
    );
    await world.clock.advance(2_000);
    assert.equal(
      of(({ type }) => type === Noted.type),
      3,
    );
    assert.equal(
      of(({ key }) => key === "hot"),
      5,
    );
    await world.clock.advance(8_000);
    const hot = starts.filter(({ key }) => key === "hot").map(({ n }) => n);
    assert.deepEqual(hot, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(starts.length, 70);
  },
);

testOnBoth(
  "what needs no handler takes no token: expired while it waits, it is shed and counted",
  async (world) => {
    await publishMany(world, "a", 1);
    await publishMany(world, "b", 10, { expiresInMs: 500 });
    await publishMany(world, "c", 2);
    const rates = [rateLimit({ perSecond: 0.5, burst: 1 })];
    const { starts } = await subscribeWith(world, { rates });
    await world.clock.advance(4_000);
    assert.deepEqual(
      starts.map(({ key, atMs }) => [key, atMs]),
      [
        ["a0", 0],
        ["c0", 2_000],
        ["c1", 4_000],
      ],
    );
    assert.equal((await world.stats()).expired, 10);
  },
);

testOnBoth("what has expired before it is looked at gives its token back", async (world) => {
  await publishMany(world, "a", 10, { expiresInMs: 500 });
  await publishMany(world, "b", 1);
  await world.clock.advance(1_000);
  const rates = [rateLimit({ perSecond: 0.1, burst: 1 })];
  const { starts } = await subscribeWith(world, { rates });
  await world.clock.settle();
  assert.deepEqual(
    starts.map(({ key }) => key),
    ["b0"],
  );
});

testOnBoth(
  "a failing message takes a token for each try, its key waits, and nothing is lost",
  async (world) => {
    await world.publishKeys("aaab");
    const rates = [rateLimit({ perSecond: 1, burst: 1 })];
    let failures = 2;
    const { starts } = await subscribeWith(
      world,
      { rates },
      {
        retry: { attempts: 5, delayMsMin: 10, delayMsMax: 10 },
        handler: (message) => {
          if (message.key === "a" && failures-- > 0) throw new Error("not yet");
        },
      },
    );
    await world.clock.advance(20_000);
    assert.deepEqual(
      starts.filter(({ key }) => key === "a").map(({ n }) => n),
      [0, 0, 0, 1, 2],
    );
    assert.equal(starts.length, 6);
    assert.equal(mostWithin(starts, 1_000), 1);
    assert.equal((await world.depth()).depth, 0);
  },
);

testOnBoth(
  "rates are changed while messages wait; a rate that stays keeps its tokens",
  async (world) => {
    await publishMany(world, "k", 40);
    const slow = rateLimit({ perSecond: 1, burst: 2 });
    const { starts, flow } = await subscribeWith(world, { rates: [slow] });
    await world.clock.settle();
    assert.equal(starts.length, 2);
    flow.update({ rates: [slow], concurrency: 3 });
    await world.clock.settle();
    assert.equal(starts.length, 2);
    flow.update({ rates: [slow, rateLimit({ perSecond: 100, burst: 100, by: "key" })] });
    await world.clock.advance(3_000);
    assert.equal(starts.length, 5);
    flow.update({ rates: [] });
    await world.clock.settle();
    assert.equal(starts.length, 40);
    assert.equal(world.clock.timersWaiting <= 3, true);
  },
);

testOnBoth(
  "nothing spins: between two tokens no timer fires but the one that waits for them",
  async (world) => {
    await publishMany(world, "k", 1_000);
    const rates = [
      rateLimit({ perSecond: 1, burst: 1, by: "key" }),
      rateLimit({ perSecond: 0.1, burst: 1 }),
    ];
    let timers = 0;
    const clock: Clock = {
      wallMs: () => world.clock.wallMs(),
      monotonicMs: () => world.clock.monotonicMs(),
      soon: (action) => world.clock.soon(action),
      after(delayMs, action) {
        timers++;
        return world.clock.after(delayMs, action);
      },
    };
    const { starts } = await subscribeWith(world, { rates }, { clock });
    await world.clock.advance(9_999);
    assert.equal(starts.length, 1);
    // One for the next token, and one look a second for what need not wait.
    assert.ok(timers > 0 && timers <= 12, `${timers} timers`);
  },
);

test("a bucket allows no more than burst + perSecond × T in any time T", () => {
  const random = seededRandom(7);
  const bucket = new TokenBucket({ perSecond: 30, burst: 7 });
  const taken: number[] = [];
  let nowMs = 0;
  for (let step = 0; step < 20_000; step++) {
    nowMs += random.float() * 20;
    if (!bucket.mayTake(nowMs)) continue;
    bucket.take(nowMs);
    if (random.float() < 0.1) bucket.giveBack();
    else taken.push(nowMs);
  }
  assert.ok(taken.length > 5_000);
  for (const spanMs of [10, 100, 1_000, 10_000]) {
    let from = 0;
    for (const [index, atMs] of taken.entries()) {
      while ((taken[from] as number) < atMs - spanMs) from++;
      assert.ok(
        index - from + 1 <= 7 + 0.03 * spanMs + 1e-3,
        `${index - from + 1} in ${spanMs} ms`,
      );
    }
  }
});

test("a rate has so many buckets; further values share one; full ones are forgotten", () => {
  const rate = rateLimit({ perSecond: 1, burst: 1, by: "key" });
  const buckets = new RateBuckets(rate, (each, value) => new TokenBucket(each, value), 3);
  for (const key of ["a", "b", "c"]) buckets.of(key, 0).take(0);
  const others = buckets.of("d", 0);
  assert.equal(others.value, "(others)");
  assert.equal(buckets.of("e", 0), others);
  assert.equal(buckets.size, 3);
  const waited = buckets.of("a", 500);
  waited.waiting = 1;
  assert.notEqual(buckets.of("d", 2_000), others);
  assert.equal(buckets.size, 2, "all that were full but the one for which somebody waits");
  assert.equal(buckets.of("a", 2_000), waited);
});

testOnBoth("a function that fails counts as no rule, and is told", async (world) => {
  await publishMany(world, "k", 3);
  const by = (): string => {
    throw new Error("no such field");
  };
  const { starts, delivery } = await subscribeWith(world, {
    rates: [rateLimit({ perSecond: 0.001, burst: 1, by })],
  });
  await world.clock.settle();
  assert.equal(starts.length, 3);
  assert.match(delivery.troubles.join(), /rate 1 failed and does not count: no such field/);
});

test("a rate that cannot be is refused with its value", () => {
  for (const [options, text] of [
    [{ perSecond: 0 }, /perSecond is 0/],
    [{ perSecond: Number.NaN }, /perSecond is NaN/],
    [{ perSecond: 1, burst: 0.5 }, /burst is 0.5/],
    [{ perSecond: 1, by: "colour" }, /by is colour/],
    [{ perSecond: 1, perMinute: 1 }, /perMinute is not an option/],
  ] as const) {
    assert.throws(() => rateLimit(options as never), { code: "INVALID_ARGUMENT", message: text });
  }
  assert.equal(rateLimit({ perSecond: 50 }).burst, 5);
});
