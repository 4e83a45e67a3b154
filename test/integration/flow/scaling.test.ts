// Pools that scale themselves, through a bus on virtual time.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { type Bus, createBus, defineEvent, flowControl, type Subscription } from "spillway";
import { memory } from "spillway/memory";
import { VirtualClock } from "spillway/testing";
import { z } from "zod";
import { delay } from "../../../src/kernel/clock.ts";
import { decisionsMax } from "../../../src/flow/scaling/pool-scaler.ts";
import { seededRandom } from "../../../src/kernel/random.ts";

const Ordered = defineEvent("order.placed", { data: z.object({ n: z.int() }) });
const Keyed = defineEvent("order.keyed", {
  data: z.object({ n: z.int(), key: z.string() }),
  key: ({ key }) => key,
});

interface Shop {
  readonly clock: VirtualClock;
  readonly bus: Bus;
  /** Handlers that run now. */
  running: number;
  most: number;
  /** Publishes so many a second for so long. */
  flood(perSecond: number, forMs: number): Promise<void>;
  readonly work: () => Promise<void>;
}

async function shopOf(context: TestContext, workMs = 20): Promise<Shop> {
  const clock = new VirtualClock();
  const bus = await createBus({
    name: "shop",
    transport: memory(),
    clock,
    random: seededRandom(1),
    shutdownSignals: [],
  });
  const shop: Shop = {
    clock,
    bus,
    running: 0,
    most: 0,
    async flood(perSecond, forMs) {
      for (let atMs = 0; atMs < forMs; atMs += 50) {
        const count = Math.round((perSecond * 50) / 1_000);
        const data = Array.from({ length: count }, (_, n) => ({ n }));
        const published = bus.publishMany(Ordered, data);
        await clock.advance(50);
        await published;
      }
    },
    work: async () => {
      shop.running++;
      shop.most = Math.max(shop.most, shop.running);
      await delay(clock, workMs);
      shop.running--;
    },
  };
  context.after(async () => {
    let isClosed = false;
    void bus.close().finally(() => (isClosed = true));
    while (!isClosed) await clock.advance(100);
  });
  return shop;
}

function scalingOf(subscription: Subscription): NonNullable<Subscription["scaling"]> {
  assert.ok(subscription.scaling !== undefined);
  return subscription.scaling;
}

test("a pool grows with what comes and shrinks; at rest it sets no timer", async (context) => {
  const { bus, clock, flood, work } = await shopOf(context);
  const resting = clock.timersWaiting;
  const concurrency = { min: 2, max: 40, goalMs: 300 };
  const subscription = await bus.subscribe(Ordered, { concurrency }, work);
  assert.equal(scalingOf(subscription).current, 2);
  await flood(400, 3_000);
  const busy = scalingOf(subscription);
  assert.ok(busy.current >= 8 && busy.current <= 20, `${busy.current} for a load of 8`);
  assert.equal(busy.desired, busy.current);
  assert.ok(Math.abs(busy.arrivalsPerSecond - 400) < 20, `${busy.arrivalsPerSecond}`);
  assert.ok(Math.abs(busy.handlerMs - 20) < 1);
  assert.ok((busy.latencyP99Ms ?? 0) < 300, `${busy.latencyP99Ms}`);
  await clock.advance(20_000);
  assert.equal(scalingOf(subscription).current, 2);
  assert.ok(clock.timersWaiting <= resting + 1, `${clock.timersWaiting} timers`);
  assert.match(scalingOf(subscription).decisions.at(-1)?.text ?? "", /min|enough/);
});

test("it never leaves its bounds, and settings tell the upper one", async (context) => {
  const shop = await shopOf(context);
  const flow = flowControl({ concurrency: { min: 1, max: 6 } });
  const subscription = await shop.bus.subscribe(Ordered, { flow }, shop.work);
  assert.equal(subscription.flow.settings.concurrency, 6);
  assert.equal(subscription.flow.settings.scaling?.goalMs, 1_000);
  await shop.flood(1_000, 2_000);
  assert.equal(shop.most, 6);
  assert.equal(scalingOf(subscription).current, 6);
  assert.ok(scalingOf(subscription).wanted > 6);
  const capped = scalingOf(subscription).decisions.find(({ reason }) => reason === "max");
  assert.match(capped?.text ?? "", /\d+ were wanted, and max is 6/);
});

test('with mode "monitor" it says what it would do, and does nothing', async (context) => {
  const shop = await shopOf(context);
  const concurrency = { min: 1, max: 40, mode: "monitor", initial: 4 } as const;
  const subscription = await shop.bus.subscribe(Ordered, { concurrency }, shop.work);
  await shop.flood(600, 3_000);
  const { current, desired, decisions, mode } = scalingOf(subscription);
  assert.equal(mode, "monitor");
  assert.equal(current, 4);
  assert.equal(shop.most, 4);
  assert.ok(desired >= 12, `${desired}`);
  assert.match(decisions.at(-1)?.text ?? "", /^4 → \d+: /);
  const { text } = await subscription.explain({ offset: 1_799 });
  assert.match(text, /the pool would scale itself between 1 and 40: 4 → \d+/);
});

test("explain says how large the pool is and why", async (context) => {
  const shop = await shopOf(context);
  const concurrency = { min: 1, max: 3 };
  const subscription = await shop.bus.subscribe(Ordered, { concurrency }, shop.work);
  await shop.flood(500, 1_000);
  const explanation = await subscription.explain({ offset: 499 });
  assert.ok(explanation.reasons.some(({ kind }) => kind === "scaling"));
  assert.match(explanation.text, /all 3 handlers are busy/);
  assert.match(
    explanation.text,
    /the pool scales itself between 1 and 3: .*\d+ were wanted, and max is 3/,
  );
});

test("messages of one key get one handler, however many wait", async (context) => {
  const shop = await shopOf(context);
  const concurrency = { min: 1, max: 40 };
  const subscription = await shop.bus.subscribe(Keyed, { concurrency }, shop.work);
  const data = Array.from({ length: 200 }, (_, n) => ({ n, key: "one" }));
  await shop.bus.publishMany(Keyed, data);
  await shop.clock.advance(2_000);
  assert.ok(scalingOf(subscription).current <= 2, `${scalingOf(subscription).current}`);
  const { decisions, waiting } = scalingOf(subscription);
  assert.ok(waiting >= 90 && waiting < 110, `${waiting} wait`);
  assert.ok(decisions.some(({ reason }) => reason === "nothing-to-start"));
});

test("bounds change while it runs; a number ends the scaling, bounds begin it", async (context) => {
  const shop = await shopOf(context);
  const subscription = await shop.bus.subscribe(
    Ordered,
    { concurrency: { min: 1, max: 40 } },
    shop.work,
  );
  await shop.flood(400, 1_000);
  subscription.flow.update({ concurrency: { min: 1, max: 3 } });
  assert.equal(scalingOf(subscription).current, 3);
  subscription.flow.update({ concurrency: 5 });
  assert.equal(subscription.scaling, undefined);
  shop.most = 0;
  await shop.clock.advance(100);
  await shop.flood(400, 500);
  assert.equal(shop.most, 5);
  subscription.flow.update({ concurrency: { min: 2, max: 30 } });
  await shop.flood(400, 2_000);
  assert.ok(scalingOf(subscription).current >= 8);
  subscription.flow.pause();
  await shop.flood(400, 1_000);
  const paused = scalingOf(subscription).decisions.length;
  await shop.flood(400, 1_000);
  assert.equal(scalingOf(subscription).decisions.length, paused, "nothing is decided meanwhile");
  subscription.flow.resume();
  await shop.clock.advance(5_000);
  assert.equal(shop.running, 0);
});

test("retried and parked messages are counted once: nothing is left waiting", async (context) => {
  const shop = await shopOf(context);
  let failures = 0;
  const subscription = await shop.bus.subscribe(
    Keyed,
    { concurrency: { min: 1, max: 20 }, retry: { attempts: 5, initialMs: 10, maxMs: 50 } },
    async ({ data, attempt }: { data: { n: number }; attempt?: number }) => {
      await shop.work();
      if (data.n % 7 === 0 && attempt === undefined && failures < 60) {
        failures++;
        throw new Error("not now");
      }
    },
  );
  const data = Array.from({ length: 300 }, (_, n) => ({ n, key: `k${n % 12}` }));
  await shop.bus.publishMany(Keyed, data);
  await shop.clock.advance(60_000);
  assert.equal(failures, 60);
  const { waiting, inFlight, current } = scalingOf(subscription);
  assert.deepEqual({ waiting, inFlight, current }, { waiting: 0, inFlight: 0, current: 1 });
});

test("the record of decisions is bounded", async (context) => {
  const shop = await shopOf(context);
  const concurrency = { min: 1, max: 40, holdMs: 0, goalMs: 100 };
  const subscription = await shop.bus.subscribe(Ordered, { concurrency }, shop.work);
  for (let round = 0; round < 60; round++) await shop.flood(round % 2 === 0 ? 800 : 40, 200);
  assert.equal(scalingOf(subscription).decisions.length, decisionsMax);
});

test("what cannot be is refused by name", async (context) => {
  const { bus } = await shopOf(context);
  const concurrency = { min: 4, max: 2 };
  const wrong = { message: /concurrency\.max is 2: give a whole number from 4 to 1000/ };
  await assert.rejects(
    bus.subscribe(Ordered, { concurrency }, () => undefined),
    wrong,
  );
  assert.throws(() => flowControl({ concurrency }), wrong);
  const fixed = await bus.subscribe(Ordered, { concurrency: 2 }, () => undefined);
  assert.equal(fixed.scaling, undefined);
  assert.throws(() => fixed.flow.update({ concurrency: { min: 1, max: 2 } }), {
    message: /flow\.update: concurrency is \{ min, max \}, and the pool has a fixed size/,
  });
  const flow = flowControl({ concurrency: { min: 1, max: 2 } });
  const batch = { messagesMax: 5 };
  await assert.rejects(
    bus.subscribeBatch(Ordered, { batch, flow }, () => undefined),
    {
      message: /subscribeBatch cannot scale itself: give concurrency as a whole number/,
    },
  );
});

test("bus.scaling() tells an autoscaler outside what it needs, as plain JSON", async (context) => {
  const shop = await shopOf(context);
  const { bus, clock } = shop;
  assert.deepEqual((await bus.scaling()).pools, []);
  await bus.subscribe(Ordered, { group: "fixed", concurrency: 2 }, async () => undefined);
  const concurrency = { min: 1, max: 4, goalMs: 200 };
  await bus.subscribe(Ordered, { group: "mails", concurrency }, shop.work);
  await bus.subscribe(Keyed, { group: "audit", concurrency }, shop.work);
  await shop.flood(600, 3_000);
  const snapshot = await bus.scaling();
  assert.deepEqual(JSON.parse(JSON.stringify(snapshot)), snapshot);
  const { pools, ...head } = snapshot;
  assert.deepEqual(head, { version: 1, bus: "shop", atMs: clock.wallMs() });
  assert.deepEqual(
    pools.map(({ channel, group }) => [channel, group]),
    [
      ["order.keyed", "audit"],
      ["order.placed", "mails"],
    ],
  );
  const [idle, busy] = pools;
  assert.equal(idle?.processesWanted, 1);
  assert.equal(idle?.backlog, 0);
  assert.ok(busy !== undefined);
  assert.deepEqual([busy.current, busy.desired, busy.min, busy.max], [4, 4, 1, 4]);
  assert.equal(busy.members, 1);
  assert.ok(busy.backlog > 1_000 && busy.backlog <= 1_800, `${busy.backlog}`);
  assert.ok(busy.backlogAgeMs > 1_000);
  assert.equal(busy.processesWanted, Math.ceil(busy.wanted / 4));
  assert.ok(busy.processesWanted > 2);
  await clock.advance(60_000);
  const after = (await bus.scaling()).pools[1];
  assert.deepEqual([after?.backlog, after?.processesWanted, after?.current], [0, 1, 1]);
});
