// context.state: what handlers read and write, conflicts in memory and in the commit, and bounds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { memory } from "../../../src/adapters/memory/index.ts";
import type { DeliveryOptions } from "../../../src/delivery/delivery-options.ts";
import type { Handler, HandlerContext, StateTable } from "../../../src/delivery/handler-context.ts";
import { delay } from "../../../src/kernel/clock.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import type { StateStore } from "../../../src/ports/state-store.ts";
import type { Consumer } from "../../../src/ports/transport.ts";
import { FaultyConsumer } from "./faulty-consumer.ts";
import { directJournal, Gate, keyOf, Noted, numberOf, World } from "./world.ts";

const account = z.object({ cents: z.number() });
const state = { accounts: account, marks: z.number() };
const effectivelyOnce = { delivery: "effectively-once", state } as const;
const scope = { channel: "orders", group: "g" };

interface Tables {
  readonly accounts: StateTable<typeof account>;
  readonly marks: StateTable<typeof state.marks>;
}

function tablesOf(context: HandlerContext): Tables {
  return context.state as unknown as Tables;
}

async function rowOf(world: World, table: string, key: string): Promise<unknown> {
  const row = await world.transport.state?.read(scope, table, key);
  return row?.value === undefined ? undefined : JSON.parse(row.value);
}

async function add(context: HandlerContext, key: string, cents: number): Promise<void> {
  const { accounts } = tablesOf(context);
  const found = await accounts.get(key);
  await accounts.set(key, { cents: (found?.cents ?? 0) + cents });
}

async function deadLetterCodes(world: World): Promise<unknown[]> {
  const letters = await world.read("orders.dead-letters");
  return letters.map(({ attributes }) => attributes.extensions?.["deadlettercode"]);
}

test("a handler sees its own writes and those of handlers before it", async () => {
  const world = await World.open();
  await world.publishKeys("aaab");
  const gate = new Gate();
  const seen: unknown[] = [];
  const wrap = (inner: Consumer) =>
    new FaultyConsumer(inner, () => gate.promise.then(() => "pass"));
  const handler: Handler = async (message, context) => {
    const { accounts } = tablesOf(context);
    seen.push((await accounts.get("x"))?.cents);
    if (numberOf(message) === 2) await accounts.delete("x");
    else await accounts.set("x", { cents: numberOf(message) + 10 });
    seen.push((await accounts.get("x"))?.cents);
  };
  const limits = { unitMessagesMax: 1 };
  await world.subscribe(handler, { ...effectivelyOnce, concurrency: 1, limits }, { wrap });
  await world.clock.settle();
  assert.deepEqual(seen, [undefined, 10, 10, 11, 11, undefined]);
  assert.equal(await rowOf(world, "accounts", "x"), undefined);
  gate.open();
  await world.clock.settle();
  assert.deepEqual(seen.slice(6), [undefined, 13]);
  assert.deepEqual(await rowOf(world, "accounts", "x"), { cents: 13 });
  await world.close();
});

test("a call that touches many rows finds each of them again", async () => {
  const world = await World.open();
  await world.publishKeys("aa");
  const sums: number[] = [];
  const handler: Handler = async (_message, context) => {
    const { marks } = tablesOf(context);
    for (let round = 0; round < 2; round++) {
      for (let row = 0; row < 30; row++) {
        await marks.set(`row ${row}`, ((await marks.get(`row ${row}`)) ?? 0) + row);
      }
    }
    sums.push((await marks.get("row 7")) ?? 0, (await marks.get("row 29")) ?? 0);
  };
  await world.subscribe(handler, { ...effectivelyOnce, concurrency: 1 });
  await world.clock.settle();
  assert.deepEqual(sums, [14, 58, 28, 116]);
  assert.equal(await rowOf(world, "marks", "row 29"), 116);
  await world.close();
});

test("what a failed call wrote is gone; the next one finds what was before", async () => {
  const world = await World.open();
  await world.publishKeys("a");
  const seen: unknown[] = [];
  const handler: Handler = async (_message, context) => {
    const { accounts } = tablesOf(context);
    seen.push(await accounts.get("x"));
    await accounts.set("x", { cents: 1 });
    if (context.attempt === 1) throw new Error("after writing");
  };
  await world.subscribe(handler, effectivelyOnce);
  await world.clock.advance(100);
  assert.deepEqual(seen, [undefined, undefined]);
  assert.deepEqual(await rowOf(world, "accounts", "x"), { cents: 1 });
  await world.close();
});

test("values and keys that cannot be stored fail the handler, also without an await", async () => {
  const wrong: readonly (readonly [string, (tables: Tables) => unknown])[] = [
    ["VALIDATION_FAILED", ({ accounts }) => accounts.set("x", { cents: "1" } as never)],
    ["VALIDATION_FAILED", ({ accounts }) => void accounts.set("x", {} as never)],
    ["INVALID_ARGUMENT", ({ accounts }) => accounts.get("")],
    ["INVALID_ARGUMENT", ({ accounts }) => accounts.get("\u001fx")],
    ["INVALID_ARGUMENT", ({ accounts }) => accounts.set("\ud800", { cents: 1 })],
    ["INVALID_ARGUMENT", ({ accounts }) => accounts.delete("é".repeat(600))],
    ["INVALID_ARGUMENT", ({ marks }) => [1, 2, 3, 4].map((n) => marks.set(`m${n}`, n))],
  ];
  const world = await World.open();
  await world.publish(
    wrong.map((_, n) => ({ n })),
    Noted,
  );
  const handler: Handler = async (message, context) => {
    const result = wrong[numberOf(message)]?.[1](tablesOf(context));
    await (Array.isArray(result) ? Promise.all(result) : result);
  };
  const limits = { stateRowsPerMessageMax: 3 };
  await world.subscribe(handler, { ...effectivelyOnce, limits, order: "none" });
  await world.clock.settle();
  assert.deepEqual(
    await deadLetterCodes(world),
    wrong.map(([code]) => code),
  );
  assert.equal(await rowOf(world, "accounts", "x"), undefined);
  await world.close();
});

test("writes that nobody awaited are waited for; after the handler they are refused", async () => {
  const world = await World.open();
  await world.publishKeys("ab");
  const slow = z.object({ cents: z.number().refine(async () => delayed(world)) });
  const late: unknown[] = [];
  const handler: Handler = (message, context) => {
    const { accounts } = tablesOf(context);
    void accounts.set(keyOf(message), { cents: numberOf(message) });
    void delay(world.clock, 1_000).then(() => {
      try {
        void accounts.get("late");
      } catch (error) {
        late.push((error as { code?: unknown }).code);
      }
    });
  };
  await world.subscribe(handler, { ...effectivelyOnce, state: { ...state, accounts: slow } });
  await world.clock.advance(100);
  assert.deepEqual(await rowOf(world, "accounts", "b"), { cents: 1 });
  await world.clock.advance(1_000);
  assert.deepEqual(late, ["CLOSED", "CLOSED"]);
  await world.close();
});

async function delayed(world: World): Promise<boolean> {
  await delay(world.clock, 50);
  return true;
}

test("tenants do not share state", async () => {
  const world = await World.open();
  for (const tenant of ["north", "south", undefined]) {
    await world.publish([{ n: 1 }], Noted, tenant === undefined ? {} : { tenant });
  }
  const seen: unknown[] = [];
  const handler: Handler = async (message, context) => {
    await add(context, "x", 1);
    seen.push((await tablesOf(context).accounts.get("x"))?.cents, message.tenant);
  };
  await world.subscribe(handler, { ...effectivelyOnce, concurrency: 1 });
  await world.clock.settle();
  assert.deepEqual(seen, [1, "north", 1, "south", 1, undefined]);
  await world.close();
});

test("handlers that touch one row at the same time run again: no update is lost", async () => {
  const world = await World.open();
  await world.publishKeys("abcdefghijklmnopqrstuvwxyz");
  let calls = 0;
  const handler: Handler = async (message, context) => {
    calls++;
    const { accounts } = tablesOf(context);
    const found = await accounts.get("sum");
    await delay(world.clock, 10 + numberOf(message));
    await accounts.set("sum", { cents: (found?.cents ?? 0) + 1 });
  };
  const { counters } = await world.subscribe(handler, effectivelyOnce);
  await world.clock.advance(10_000);
  assert.deepEqual(await rowOf(world, "accounts", "sum"), { cents: 26 });
  assert.equal(counters.acked, 26);
  assert.equal(calls, 26 + counters.conflicts);
  assert.ok(counters.conflicts > 0);
  await world.close();
});

test("a hot row costs waiting, not repeated calls, however many handlers want it", async () => {
  const world = await World.open();
  await world.publish(Array.from({ length: 600 }, (_, n) => ({ key: `k${n}`, n })));
  let calls = 0;
  const handler: Handler = async (message, context) => {
    calls++;
    const { accounts } = tablesOf(context);
    const first = numberOf(message) % 2 === 0 ? "left" : "right";
    const second = first === "left" ? "right" : "left";
    const found = await accounts.get(first);
    const other = await accounts.get(second);
    await delay(world.clock, 1);
    await accounts.set(first, { cents: (found?.cents ?? 0) + 1 });
    await accounts.set(second, { cents: (other?.cents ?? 0) - 1 });
  };
  const { counters } = await world.subscribe(handler, { ...effectivelyOnce, concurrency: 200 });
  await world.clock.advance(10_000);
  assert.equal(counters.acked, 600);
  assert.deepEqual(await rowOf(world, "accounts", "left"), { cents: 0 });
  assert.equal(counters.failed, 0);
  // Two rows in opposite orders: a call in vain each, where it could be two hundred.
  assert.ok(calls < 1_800, `${calls} calls for 600 messages`);
  await world.close();
});

test("a row that is only written is no reason to run again", async () => {
  const world = await World.open();
  await world.publishKeys("abcdef");
  let calls = 0;
  const handler: Handler = async (message, context) => {
    calls++;
    await tablesOf(context).marks.set("last", numberOf(message));
    await delay(world.clock, 10);
  };
  await world.subscribe(handler, effectivelyOnce);
  await world.clock.advance(1_000);
  assert.equal(calls, 6);
  assert.equal(await rowOf(world, "marks", "last"), 5);
  await world.close();
});

test("a call in conflict again and again is a failure, and tried again later", async () => {
  const world = await World.open();
  await world.publishKeys("ab");
  const codes: unknown[] = [];
  const handler: Handler = async (message, context) => {
    const waitMs = keyOf(message) === "a" ? 10 : 20;
    const { accounts } = tablesOf(context);
    const found = await accounts.get("sum");
    await delay(world.clock, waitMs);
    await accounts.set("sum", { cents: (found?.cents ?? 0) + 1 });
    codes.push(`${keyOf(message)}.${context.attempt}`);
  };
  const { counters } = await world.subscribe(handler, {
    ...effectivelyOnce,
    limits: { rerunsMax: 0 },
  });
  await world.clock.advance(1_000);
  assert.deepEqual(codes, ["a.1", "b.1", "b.2"]);
  assert.deepEqual([counters.failed, counters.retried], [1, 1]);
  assert.deepEqual(await rowOf(world, "accounts", "sum"), { cents: 2 });
  await world.close();
});

test("a conflict found by the commit throws away what was built on it", async () => {
  const world = await World.open();
  await world.publishKeys("abcdefgh");
  let conflicts = 3;
  const wrap = (inner: Consumer) =>
    new FaultyConsumer(inner, () =>
      conflicts-- > 0 ? { kind: "conflict", table: "accounts", key: "sum" } : "pass",
    );
  let calls = 0;
  const handler: Handler = async (_message, context) => {
    calls++;
    await add(context, "sum", 1);
  };
  const limits = { unitMessagesMax: 8, unitMessagesMin: 2 };
  const { counters, consumer } = await world.subscribe(
    handler,
    { ...effectivelyOnce, limits, concurrency: 1 },
    { wrap },
  );
  await world.clock.settle();
  assert.deepEqual(await rowOf(world, "accounts", "sum"), { cents: 8 });
  const sizes = (consumer as FaultyConsumer).commits.map(({ settlements }) =>
    settlements.reduce((sum, { records }) => sum + records.length, 0),
  );
  assert.deepEqual(sizes, [8, 4, 2, 2, 4, 2], "halved by each conflict, doubled by each success");
  assert.equal(counters.conflicts, 3);
  assert.ok(calls > 8);
  await world.close();
});

test("committed rows are cached within a bound, those in use beyond it", async () => {
  const world = await World.open();
  let reads = 0;
  const inner = world.transport.state as StateStore;
  const store: StateStore = {
    read: async (...of) => {
      reads++;
      return inner.read(...of);
    },
    entries: (...of) => inner.entries(...of),
  };
  const handler: Handler = (message, context) => add(context, keyOf(message), 1);
  const options = { ...effectivelyOnce, limits: { stateRowsMax: 3 } };
  await world.subscribe(handler, options, { state: store });
  await world.publishKeys("ababab");
  await world.clock.settle();
  assert.equal(reads, 2, "concurrent and later readers share one read");
  await world.publishKeys("cdef");
  await world.clock.settle();
  await world.publishKeys("a");
  await world.clock.settle();
  assert.equal(reads, 7, "the oldest row was let go");
  assert.deepEqual(await rowOf(world, "accounts", "a"), { cents: 4 });
  await world.close();
});

/** Transfers between accounts by members that come and go; the sum must not change. */
async function transfers(seed: number, isStoreSlow: boolean, on = memory): Promise<number> {
  const random = seededRandom(seed);
  const world = await World.on(on());
  const inner = world.transport.state as StateStore;
  const slow: StateStore = {
    async read(...of) {
      await Promise.resolve();
      return inner.read(...of);
    },
    entries: (...of) => inner.entries(...of),
  };
  const handler: Handler = async (message, context) => {
    const { accounts, marks } = tablesOf(context);
    const n = numberOf(message);
    const from = await accounts.get(`${n % 7}`);
    if (random.float() < 0.3) await delay(world.clock, random.float() * 20);
    const to = await accounts.get(`${(n * 3 + 1) % 7}`);
    if (random.float() < 0.1) throw new Error("unlucky");
    if (n % 7 === (n * 3 + 1) % 7) return;
    await accounts.set(`${n % 7}`, { cents: (from?.cents ?? 0) - n });
    await accounts.set(`${(n * 3 + 1) % 7}`, { cents: (to?.cents ?? 0) + n });
    await marks.set(`${n}`, ((await marks.get(`${n}`)) ?? 0) + 1);
  };
  const options: Partial<DeliveryOptions> = {
    ...effectivelyOnce,
    concurrency: 1 + Math.floor(random.float() * 8),
    retry: { attempts: 100, delayMsMin: 5, delayMsMax: 50 },
    limits: { unitMessagesMax: 8, fetchMessagesMax: 8, unitMessagesMin: 2 },
  };
  const join = () => world.subscribe(handler, options, isStoreSlow ? { state: slow } : {});
  const members = [await join(), await join()];
  for (let round = 0; round < 8; round++) {
    await world.publish(
      Array.from({ length: 20 }, (_, n) => ({ key: `k${n % 9}`, n: round * 20 + n })),
    );
    await world.clock.advance(random.float() * 60);
    if (random.float() < 0.4) {
      const left = members.shift()?.delivery.drain(world.clock.monotonicMs() + 10);
      await world.clock.advance(10);
      await left;
      members.push(await join());
    }
  }
  await world.clock.advance(60_000);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 }, `seed ${seed}`);
  const expected = new Map<string, number>();
  let marks = 0;
  for (let n = 0; n < 160; n++) {
    const [from, to] = [`${n % 7}`, `${(n * 3 + 1) % 7}`];
    if (from === to) continue;
    marks++;
    expected.set(from, (expected.get(from) ?? 0) - n);
    expected.set(to, (expected.get(to) ?? 0) + n);
  }
  for (const [key, cents] of expected) {
    assert.deepEqual(await rowOf(world, "accounts", key), { cents }, `seed ${seed}, ${key}`);
  }
  for await (const { key, value } of inner.entries(scope, "marks")) {
    marks--;
    assert.equal(value, "1", `seed ${seed}: transfer ${key} was applied ${value} times`);
  }
  assert.equal(marks, 0);
  await world.close();
  return members.reduce((sum, { counters }) => sum + counters.conflicts, 0);
}

test("transfers by several members at once: every one applied once, to the cent", async () => {
  let conflicts = 0;
  for (let seed = 1; seed <= 20; seed++) conflicts += await transfers(seed, seed % 2 === 0);
  assert.ok(conflicts > 100, `${conflicts} conflicts were provoked`);
});

test("the same transfers on the embedded journal", async (t) => {
  let conflicts = 0;
  for (let seed = 1; seed <= 5; seed++) {
    conflicts += await transfers(seed, seed % 2 === 0, () => directJournal(t));
  }
  assert.ok(conflicts > 10, `${conflicts} conflicts were provoked`);
});
