// Order by key: while handlers run side by side, while messages fail, and over restarts.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { z } from "zod";
import { memory } from "../../../src/adapters/memory/index.ts";
import type { HandlerContext } from "../../../src/delivery/handler-context.ts";
import { RetryLater } from "../../../src/errors/handler-outcomes.ts";
import { delay } from "../../../src/kernel/clock.ts";
import { type Random, seededRandom } from "../../../src/kernel/random.ts";
import type { CommitResult, CommitUnit } from "../../../src/ports/commit-unit.ts";
import type { DeliveryBatch } from "../../../src/ports/delivery-batch.ts";
import type { Consumer } from "../../../src/ports/transport.ts";
import { directJournal, Gate, keyOf, numberOf, Placed, World } from "./world.ts";

type Data = z.output<typeof Placed.schema>;
type Received = Parameters<Parameters<World["subscribe"]>[0]>[0];

test("messages of one key run one at a time and in order, others side by side", async () => {
  const world = await World.open();
  await world.publishKeys("aabbab");
  const gates = Array.from({ length: 6 }, () => new Gate());
  const started: number[] = [];
  await world.subscribe((message) => {
    started.push(numberOf(message));
    return gates[numberOf(message)]?.promise;
  });
  await world.clock.settle();
  assert.deepEqual(started, [0, 2]);
  gates[2]?.open();
  await world.clock.settle();
  assert.deepEqual(started, [0, 2, 3]);
  for (const gate of gates) gate.open();
  await world.clock.settle();
  assert.deepEqual(started, [0, 2, 3, 1, 5, 4]);
  await world.close();
});

test("no more handlers run than `concurrency`, in both orders", async () => {
  for (const order of ["key", "none"] as const) {
    const world = await World.open();
    await world.publishKeys("abcdefghijklmnopqrstuvwxyz");
    let running = 0;
    let most = 0;
    const handler = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await delay(world.clock, 10);
      running--;
    };
    const { counters } = await world.subscribe(handler, { order, concurrency: 5 });
    await world.clock.advance(1_000);
    assert.equal(most, 5);
    assert.equal(counters.acked, 26);
    await world.close();
  }
});

test("what was parked counts as redelivered only where a handler has seen it", async () => {
  const world = await World.open();
  await world.publishKeys("aaa");
  const { counters } = await world.subscribe((message, { attempt }) => {
    if (numberOf(message) === 0 && attempt < 3) throw new Error("twice");
  });
  await world.clock.advance(10_000);
  assert.deepEqual([counters.acked, counters.retried, counters.redelivered], [3, 2, 2]);
  assert.equal(counters.parked, 2);
  await world.close();
});

test("a failing message parks its key, durably; all other keys flow on", async () => {
  const world = await World.open();
  await world.publishKeys("abababab");
  const done: string[] = [];
  let isBroken = true;
  await world.subscribe((message) => {
    if (isBroken && keyOf(message) === "a") throw new RetryLater({ afterMs: 1_000 });
    done.push(`${keyOf(message)}${numberOf(message)}`);
  });
  await world.clock.settle();
  assert.deepEqual(done, ["b1", "b3", "b5", "b7"]);
  assert.deepEqual(await world.depth(), { depth: 4, open: 4 });
  await world.publishKeys("ab");
  await world.clock.settle();
  assert.deepEqual(await world.depth(), { depth: 5, open: 5 });
  isBroken = false;
  await world.clock.advance(1_000);
  assert.deepEqual(done.slice(4), ["b1", "a0", "a2", "a4", "a6", "a0"]);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  await world.close();
});

test("without order by key a failing message holds nobody back", async () => {
  const world = await World.open();
  await world.publishKeys("aaa");
  const done: number[] = [];
  const handler = (message: Received, { attempt }: HandlerContext): void => {
    if (numberOf(message) === 0 && attempt === 1) throw new Error("once");
    done.push(numberOf(message));
  };
  await world.subscribe(handler, { order: "none" });
  await world.clock.advance(100);
  assert.deepEqual(done, [1, 2, 0]);
  await world.close();
});

test("messages that arrive while a key drains follow in order, without being parked", async () => {
  const world = await World.open();
  await world.publishKeys("aa");
  const gate = new Gate();
  const done: number[] = [];
  await world.subscribe(async (message, { attempt }) => {
    if (numberOf(message) === 0 && attempt === 1) throw new RetryLater({ afterMs: 1_000 });
    if (numberOf(message) === 0) await gate.promise;
    done.push(numberOf(message));
  });
  await world.clock.advance(1_000);
  await world.publish([2, 3].map((n) => ({ key: "a", n })));
  await world.clock.settle();
  assert.deepEqual(await world.depth(), { depth: 4, open: 2 });
  gate.open();
  await world.clock.settle();
  assert.deepEqual(done, [0, 1, 2, 3]);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  await world.close();
});

test("beyond the bound of parked messages the whole key goes to the dead letters", async () => {
  const world = await World.open();
  await world.publishKeys("aaaaaab");
  const calls: string[] = [];
  const { counters } = await world.subscribe(
    (message) => {
      calls.push(`${keyOf(message)}${numberOf(message)}`);
      if (keyOf(message) === "a" && numberOf(message) < 5) throw new Error("broken");
    },
    { limits: { parkedPerKeyMax: 4 }, retry: { attempts: 3, delayMsMin: 1e6, delayMsMax: 1e6 } },
  );
  await world.clock.settle();
  const letters = await world.read("orders.dead-letters");
  assert.deepEqual(
    letters.map(({ payload, attributes }) => [
      numberOf({ data: JSON.parse(String(payload)) }),
      attributes.extensions?.["deadlettercode"],
      attributes.extensions?.["deadletterattempts"],
    ]),
    [0, 1, 2, 3, 4].map((n) => [n, "KEY_BLOCKED", n === 0 ? 1 : 0]),
  );
  assert.deepEqual(calls, ["a0", "b6", "a5"], "the key flows on behind them");
  assert.equal(counters.deadLettered, 5);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  await world.close();
});

test("with too many open messages nothing new is fetched until some are settled", async () => {
  const world = await World.open();
  let isBroken = true;
  const { delivery, counters } = await world.subscribe(
    () => {
      if (isBroken) throw new RetryLater({ afterMs: 1_000 });
    },
    {
      order: "none",
      limits: { openMax: 10, fetchMessagesMax: 5 },
      retry: { attempts: 100, delayMsMin: 1, delayMsMax: 1 },
    },
  );
  await world.publish(Array.from({ length: 30 }, (_, n) => ({ key: "a", n })));
  await world.clock.settle();
  assert.equal(counters.delivered, 10);
  assert.match(delivery.troubles.join(), /10 messages wait to be tried again/);
  isBroken = false;
  await world.clock.advance(1_000);
  assert.equal(counters.delivered, 30);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  assert.deepEqual(delivery.troubles, []);
  await world.close();
});

test("a successor continues with the attempt, the due time and the order it finds", async () => {
  const world = await World.open();
  await world.publishKeys("aabc");
  const calls: string[] = [];
  const handler = (message: Received, { attempt }: HandlerContext): void => {
    calls.push(`${keyOf(message)}${numberOf(message)}.${attempt}`);
    if (keyOf(message) === "a" && attempt < 3) throw new RetryLater({ afterMs: 1_000 });
  };
  const first = await world.subscribe(handler);
  await world.clock.advance(400);
  await first.delivery.drain(world.clock.monotonicMs() + 1_000);
  await world.publish([{ key: "a", n: 4 }]);
  const second = await world.subscribe(handler);
  await world.clock.advance(599);
  assert.deepEqual(calls, ["a0.1", "b2.1", "c3.1"]);
  await world.clock.advance(1);
  assert.deepEqual(calls.slice(3), ["a0.2"]);
  await world.clock.advance(10_000);
  assert.deepEqual(calls.slice(4), ["a0.3", "a1.1", "a1.2", "a1.3", "a4.1", "a4.2", "a4.3"]);
  assert.equal(second.counters.redelivered > 0, true);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  await world.close();
});

test("a correction of the wall clock neither hurries nor delays a retry", async () => {
  const world = await World.open();
  await world.publishKeys("ab");
  const calls: string[] = [];
  await world.subscribe((message, { attempt }) => {
    calls.push(`${keyOf(message)}.${attempt}`);
    if (attempt === 1) throw new RetryLater({ afterMs: 1_000 });
  });
  await world.clock.settle();
  world.clock.jumpWall(-3_600_000);
  await world.clock.advance(999);
  assert.equal(calls.length, 2);
  world.clock.jumpWall(7_200_000);
  await world.clock.advance(1);
  assert.deepEqual(calls, ["a.1", "b.1", "a.2", "b.2"]);
  await world.close();
});

/** What a random run left behind, by key: successful calls, and committed acknowledgements. */
interface Trail {
  readonly calls: Map<string, number[]>;
  readonly acks: Map<string, number[]>;
}

function note(trail: Map<string, number[]>, key: string, n: number): void {
  const numbers = trail.get(key) ?? [];
  trail.set(key, numbers);
  numbers.push(n);
}

/** A consumer that notes acknowledgements and refuses units at random, as a conflict would. */
function unreliable(inner: Consumer, random: Random, refusals: number, trail: Trail): Consumer {
  let isPoisoned = false;
  return {
    next: (max: number, signal: AbortSignal) => inner.next(max, signal),
    owns: (batch: DeliveryBatch, record: number) => inner.owns(batch, record),
    release: (batch: DeliveryBatch, record: number) => inner.release(batch, record),
    reload: (...of: Parameters<Consumer["reload"]>) => inner.reload(...of),
    close: () => inner.close(),
    resume(): void {
      isPoisoned = false;
      inner.resume();
    },
    async commit(unit: CommitUnit): Promise<CommitResult> {
      await Promise.resolve();
      if (isPoisoned) return { kind: "poisoned" };
      if (random.float() < refusals) {
        isPoisoned = true;
        return { kind: "conflict", table: "t", key: "k" };
      }
      const result = await inner.commit(unit);
      if (result.kind !== "committed") return result;
      const acked = unit.settlements.flatMap(({ batch, records, outcomes }) =>
        records
          .filter((_, index) => outcomes === undefined || outcomes[index]?.kind === "ack")
          .map((record) => JSON.parse(batch.stored.payloadTextAt(record)) as Data),
      );
      // One unit takes effect at once: order within it is nobody's concern.
      acked.sort((left, right) => left.n - right.n);
      for (const { key, n } of acked) note(trail.acks, key, n);
      return result;
    },
  };
}

/** Handlers that fail and wait, members that come and go, units that are refused: all at random. */
async function randomRun(seed: number, refusals: number, on = memory): Promise<Trail> {
  const random = seededRandom(seed);
  const world = await World.on(on());
  const trail: Trail = { calls: new Map(), acks: new Map() };
  const handler = async (message: Received, { signal }: HandlerContext): Promise<void> => {
    const dice = random.float();
    if (dice < 0.3) await delay(world.clock, random.float() * 50);
    // Given up at the deadline of a drain: somebody else handles it by now.
    if (signal.aborted) return;
    if (dice > 0.85) throw new Error("unlucky");
    if (dice > 0.8) throw new RetryLater({ afterMs: random.float() * 500 });
    note(trail.calls, keyOf(message), numberOf(message));
  };
  const options = {
    retry: { attempts: 1_000, delayMsMin: 10, delayMsMax: 200 },
    concurrency: 1 + Math.floor(random.float() * 8),
    limits: {
      fetchMessagesMax: 7,
      windowMessagesMax: 25,
      unitMessagesMax: 10,
      reloadMessagesMax: 3,
    },
  };
  const wrap = (inner: Consumer): Consumer => unreliable(inner, random, refusals, trail);
  const join = () => world.subscribe(handler, options, { wrap });
  const members = [await join()];
  for (let round = 0; round < 12; round++) {
    const data = Array.from({ length: 25 }, (_, n) => ({
      key: "abcdefghijkl"[Math.floor(random.float() ** 2 * 12)] as string,
      n: round * 25 + n,
    }));
    await world.publish(data, Placed);
    await world.clock.advance(random.float() * 200);
    if (random.float() < 0.3) members.push(await join());
    if (random.float() < 0.3) {
      const leaving = members.shift();
      const left = leaving?.delivery.drain(world.clock.monotonicMs() + random.float() * 100);
      await world.clock.advance(100);
      await left;
      if (members.length === 0) members.push(await join());
    }
  }
  await world.clock.advance(600_000);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 }, `seed ${seed}`);
  assert.equal((await world.read("orders.dead-letters")).length, 0);
  await world.close();
  return trail;
}

function assertInOrder(trail: Map<string, number[]>, what: string): void {
  for (const [key, numbers] of trail) {
    const sorted = numbers.toSorted((left, right) => left - right);
    assert.deepEqual(numbers, sorted, `${what}, key ${key}`);
  }
}

test("whatever fails, whoever comes and goes: every key is handled in order", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { calls, acks } = await randomRun(seed, 0);
    assert.equal([...acks.values()].flat().length, 300, `seed ${seed}: settled exactly once`);
    assertInOrder(acks, `seed ${seed}: acknowledgements`);
    // A call at the deadline of a drain may be repeated; never one that was acknowledged.
    assertInOrder(calls, `seed ${seed}: calls`);
  }
});

test("the same holds on the embedded journal, refusals included", async (t) => {
  for (let seed = 1; seed <= 6; seed++) {
    const { acks } = await randomRun(seed, seed % 2 === 0 ? 0.2 : 0, () => directJournal(t));
    assert.equal([...acks.values()].flat().length, 300, `seed ${seed}: settled exactly once`);
    assertInOrder(acks, `seed ${seed}: acknowledgements`);
  }
});

test("refused units change nothing of that, but repeat calls", async () => {
  let repeated = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const { calls, acks } = await randomRun(seed, 0.2);
    assert.equal([...acks.values()].flat().length, 300, `seed ${seed}: settled exactly once`);
    assertInOrder(acks, `seed ${seed}: acknowledgements`);
    repeated += [...calls.values()].flat().length - 300;
  }
  assert.ok(repeated > 1_000, `${repeated} calls were repeated`);
});
