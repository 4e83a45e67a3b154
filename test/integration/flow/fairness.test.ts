// Who goes first: tenants by their weights, priorities with ageing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { flowControl, type FlowOptions } from "../../../src/flow/flow-control.ts";
import { Waiting } from "../../../src/flow/waiting.ts";
import { keySlot } from "../../../src/kernel/key-slot.ts";
import { FairQueue, type QueueOrder, tenantsMax } from "../../../src/flow/fair-queue.ts";
import type { WindowBatch } from "../../../src/delivery/window.ts";
import { rateLimit } from "../../../src/flow/rate-limit.ts";
import { Noted, type World } from "../delivery/world.ts";
import { type Flowing, publishMany, type Start, subscribeWith, testOnBoth } from "./flow-world.ts";

/** When the last message of a tenant was started. */
function lastOf(starts: readonly Start[], tenant: string): number {
  return starts.findLast((start) => start.tenant === tenant)?.atMs ?? Number.POSITIVE_INFINITY;
}

for (const [name, options, floodFirst] of [
  ["fair", { fairness: {} }, false],
  ["in order", {}, true],
] as const satisfies readonly (readonly [string, FlowOptions, boolean])[]) {
  testOnBoth(
    `${name}: a tenant that floods delays others ${floodFirst ? "fully" : "by its share only"}`,
    async (world) => {
      await publishMany(world, "flood", 1_000, { tenant: "flood" });
      await publishMany(world, "small", 20, { tenant: "small" });
      const { starts } = await subscribeWith(
        world,
        { concurrency: 2, ...options },
        { handlerMs: 10 },
      );
      await world.clock.advance(6_000);
      assert.equal(starts.length, 1_020);
      // 20 of its own and 20 of the other, two at a time, 10 ms each.
      const boundMs = 220;
      assert.equal(
        lastOf(starts, "small") <= boundMs,
        !floodFirst,
        `${lastOf(starts, "small")} ms`,
      );
    },
  );
}

testOnBoth(
  "weights: three starts of gold for one of the others, while all have work",
  async (world) => {
    for (const tenant of ["plain", "gold", "silver"]) {
      await publishMany(world, tenant, 300, { tenant });
    }
    const { starts } = await subscribeWith(
      world,
      { concurrency: 1, fairness: { weights: { gold: 3 } } },
      { handlerMs: 10 },
    );
    await world.clock.advance(4_000);
    const of = (tenant: string): number =>
      starts.slice(0, 250).filter((start) => start.tenant === tenant).length;
    assert.equal(of("gold"), 150);
    assert.ok(Math.abs(of("plain") - of("silver")) <= 2);
  },
);

testOnBoth("a rate that all share is divided between tenants, too", async (world) => {
  await publishMany(world, "flood", 500, { tenant: "flood" });
  await publishMany(world, "small", 10, { tenant: "small" });
  const rates = [rateLimit({ perSecond: 10, burst: 1 })];
  const { starts } = await subscribeWith(world, { fairness: {}, rates });
  await world.clock.advance(3_000);
  assert.ok(lastOf(starts, "small") <= 2_100, `${lastOf(starts, "small")} ms`);
});

/** High priority without end: whenever there are few, more come. */
async function flooded(world: World, { starts }: Flowing, seconds: number): Promise<void> {
  let stored = 0;
  for (let second = 0; second < seconds; second++) {
    const started = starts.filter(({ priority }) => priority === "high").length;
    const count = Math.max(0, started + 300 - stored);
    const data = (many: number) => Array.from({ length: many }, () => ({ n: second }));
    await world.publish(data(count), Noted, { priority: "high" });
    stored += count;
    await world.publish(data(2), Noted, { priority: "low" });
    await world.clock.advance(1_000);
  }
}

/** Longest wait of a started message of low priority, and how many there were. */
function lowOf(starts: readonly Start[]): { readonly waitMs: number; readonly count: number } {
  const low = starts.filter(({ priority }) => priority === "low");
  const waits = low.map(({ n, atMs }) => atMs - 1_000 * n);
  return { waitMs: Math.max(0, ...waits), count: low.length };
}

testOnBoth("under endless high priority the wait of low is bounded by afterMs", async (world) => {
  const priorityAgeing = { afterMs: 3_000, every: 4 };
  const flowing = await subscribeWith(world, { concurrency: 1, priorityAgeing }, { handlerMs: 10 });
  await flooded(world, flowing, 30);
  const low = lowOf(flowing.starts);
  // Overdue after 3 s; then one of four starts of 10 ms each, and one of four fetches.
  assert.ok(low.waitMs <= 3_500, `${low.waitMs} ms`);
  assert.ok(low.count >= 2 * 26, `${low.count}`);
  const high = flowing.starts.filter(({ priority }) => priority === "high").length;
  assert.ok(high >= 2_700, `high priority had ${high} of 3,000`);
});

testOnBoth("a backlog of low priority takes its share and no more", async (world) => {
  const old = Array.from({ length: 2_000 }, (_, n) => ({ n }));
  await world.publish(old, Noted, { priority: "low" });
  await world.clock.advance(60_000);
  const priorityAgeing = { afterMs: 1_000, every: 4 };
  const flowing = await subscribeWith(world, { concurrency: 1, priorityAgeing }, { handlerMs: 10 });
  await flooded(world, flowing, 10);
  const high = flowing.starts.slice(400).filter(({ priority }) => priority === "high").length;
  const share = high / (flowing.starts.length - 400);
  assert.ok(share >= 0.7 && share <= 0.8, `high priority had ${share}`);
});

function waitingOf(n: number, { tenant, lane = 0 }: { tenant: string; lane?: number }): Waiting {
  const batch = { lane, stored: { appendedAtMs: n } };
  const waiting = new Waiting(batch as WindowBatch, n);
  waiting.tenant = tenant;
  return waiting;
}

test(`beyond ${tenantsMax} tenants further ones share one place in the round`, () => {
  const order: QueueOrder = { weightOf: () => 1, ageing: undefined, wallMs: () => 0 };
  const queue = new FairQueue(order);
  for (let n = 0; n < tenantsMax + 50; n++) {
    for (let each = 0; each < 3; each++) queue.add(waitingOf(n * 3 + each, { tenant: `t${n}` }));
  }
  const first = Array.from({ length: tenantsMax + 1 }, () => queue.take()?.tenant);
  assert.equal(new Set(first).size, tenantsMax + 1, "each once, and one of the others");
  let rest = 0;
  while (queue.take() !== undefined) rest++;
  assert.equal(first.length + rest, 3 * (tenantsMax + 50));
  assert.equal(queue.size, 0);
});

test("what passes through a queue leaves nothing in it, also behind one that stays", () => {
  const order: QueueOrder = {
    weightOf: () => 1,
    ageing: { afterMs: 1e9, every: 2 },
    wallMs: () => 0,
  };
  const queue = new FairQueue(order);
  queue.add(waitingOf(0, { tenant: "stays", lane: 2 }));
  for (let n = 1; n < 100_000; n++) {
    queue.add(waitingOf(n, { tenant: `t${n % 10}`, lane: 0 }));
    assert.equal(queue.take()?.position, n);
  }
  assert.equal(queue.size, 1);
  assert.equal([...queue].length, 1);
});

test("a flow that cannot be is refused with its value", () => {
  for (const [options, text] of [
    [{ fairness: { weights: { gold: 0 } } }, /weights\['gold'\] is 0/],
    [{ fairness: { by: "colour" } }, /fairness.by is colour/],
    [{ priorityAgeing: { afterMs: -1 } }, /afterMs is -1/],
    [{ priorityAgeing: { afterMs: 1, every: 1 } }, /every is 1/],
    [{ concurrency: 0 }, /concurrency is 0/],
    [{ concurency: 1 }, /concurency is not an option: did you mean concurrency/],
    [{ rates: [{ perSecond: 1 }] }, /rates\[0\] is no rate/],
    [{ rates: Array.from({ length: 9 }, () => rateLimit({ perSecond: 1 })) }, /9 rates.*at most 8/],
    [{ coalesce: { withinMs: 1 }, debounce: { quietMs: 1 } }, /both coalesce and debounce/],
    [{ debounce: { quietMs: 10, waitMsMax: 5 } }, /waitMsMax is 5/],
    [{ coalesce: { withinMs: 0 } }, /withinMs is 0/],
  ] as const) {
    assert.throws(() => flowControl(options as never), { code: "INVALID_ARGUMENT", message: text });
  }
});

testOnBoth(
  "a message that waits keeps no other key from its turn, though they share a slot",
  async (world) => {
    const slots = new Map<number, string>();
    let pair: readonly [string, string] | undefined;
    for (let n = 0; pair === undefined; n++) {
      const before = slots.get(keySlot(`k${n}`));
      if (before !== undefined) pair = [before, `k${n}`];
      slots.set(keySlot(`k${n}`), `k${n}`);
    }
    const [limited, free] = pair;
    await world.publish([0, 1, 2].map((n) => ({ key: limited, n })));
    await world.publish([{ key: free, n: 3 }]);
    const by = ({ key }: { readonly key: string | undefined }) =>
      key === limited ? key : undefined;
    const rates = [rateLimit({ perSecond: 0.01, burst: 1, by })];
    const { starts } = await subscribeWith(world, { rates });
    await world.clock.settle();
    assert.deepEqual(
      starts.map(({ n }) => n),
      [0, 3],
    );
  },
);
