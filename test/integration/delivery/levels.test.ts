// The delivery levels, and what refused and failed commits do to each.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeliveryOptions } from "../../../src/delivery/delivery-options.ts";
import type { Handler } from "../../../src/delivery/handler-context.ts";
import { SpillwayError } from "../../../src/errors/spillway-error.ts";
import type { CommitUnit } from "../../../src/ports/commit-unit.ts";
import type { Consumer } from "../../../src/ports/transport.ts";
import { FaultyConsumer, type Verdict } from "./faulty-consumer.ts";
import { Gate, Noted, numberOf, Placed, type Started, World } from "./world.ts";

async function subscribeFaulty(
  world: World,
  handler: Handler,
  options: Partial<DeliveryOptions>,
  verdict: (unit: CommitUnit, faulty: FaultyConsumer) => Verdict | Promise<Verdict>,
): Promise<Started & { readonly faulty: FaultyConsumer }> {
  const wrap = (inner: Consumer): FaultyConsumer => new FaultyConsumer(inner, verdict);
  const started = await world.subscribe(handler, options, { wrap });
  return { ...started, faulty: started.consumer as FaultyConsumer };
}

const pass = (): Verdict => "pass";
const firstIsFenced = (unit: CommitUnit): Verdict =>
  unit.sequence === 1 ? { kind: "fenced" } : "pass";

function numbersOf(unit: CommitUnit): number[] {
  return unit.settlements.flatMap(({ batch, records }) =>
    records.map((record) => batch.stored.offsetAt(record)),
  );
}

test("at-least-once: the acknowledgement comes after the handler", async () => {
  const world = await World.open();
  await world.publishKeys("a");
  const gate = new Gate();
  const { faulty } = await subscribeFaulty(world, () => gate.promise, {}, pass);
  await world.clock.settle();
  assert.equal(faulty.commits.length, 0);
  gate.open();
  await world.clock.settle();
  assert.equal(faulty.commits.length, 1);
  await world.close();
});

test("at-most-once: the acknowledgement is committed before the handler runs", async () => {
  const world = await World.open();
  await world.publishKeys("abc");
  const gate = new Gate();
  const seen: number[] = [];
  const { counters } = await subscribeFaulty(
    world,
    (message) => {
      seen.push(numberOf(message));
      if (numberOf(message) === 1) throw new Error("not tried again");
      return undefined;
    },
    { delivery: "at-most-once" },
    () => gate.promise.then(pass),
  );
  await world.clock.settle();
  assert.deepEqual(seen, []);
  gate.open();
  await world.clock.advance(100_000);
  assert.deepEqual(seen.slice(0, 3), [0, 1, 2]);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  const [letter] = await world.read("orders.dead-letters");
  assert.equal(letter?.attributes.extensions?.["deadlettercode"], "HANDLER_FAILED");
  assert.equal(letter?.attributes.extensions?.["deadletterattempts"], 1);
  assert.equal(counters.retried, 0);
  await world.close();
});

test("at-most-once: a refused unit repeats no handler and loses no result", async () => {
  const world = await World.open();
  const seen: number[] = [];
  let commits = 0;
  const { faulty } = await subscribeFaulty(
    world,
    (message) => {
      seen.push(numberOf(message));
      return numberOf(message) < 100 ? Noted.message({ n: numberOf(message) + 100 }) : undefined;
    },
    { delivery: "at-most-once" },
    () => (++commits % 3 === 2 ? { kind: "fenced" } : "pass"),
  );
  for (let n = 0; n < 10; n++) {
    await world.publish([{ n }], Noted);
    await world.clock.settle();
  }
  assert.deepEqual(
    seen.toSorted((left, right) => left - right),
    [...Array.from({ length: 10 }, (_, n) => n), ...Array.from({ length: 10 }, (_, n) => n + 100)],
  );
  assert.ok(faulty.resumed >= 3);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  await world.close();
});

test("finished messages of a turn share a unit; at most two units are under way", async () => {
  const world = await World.open();
  const gates: Gate[] = [];
  const limits = { unitMessagesMax: 4, fetchMessagesMax: 4 };
  const { faulty } = await subscribeFaulty(
    world,
    () => undefined,
    { limits },
    () => {
      const gate = new Gate();
      gates.push(gate);
      return gate.promise.then(pass);
    },
  );
  await world.publishKeys("abcdefghijklmnop");
  await world.clock.settle();
  assert.deepEqual(faulty.commits.map(numbersOf), [
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ]);
  gates[0]?.open();
  await world.clock.settle();
  assert.deepEqual(faulty.commits.map(numbersOf)[2], [8, 9, 10, 11]);
  assert.equal(gates.length, 3);
  for (let index = 1; index < 4; index++) {
    gates[index]?.open();
    await world.clock.settle();
  }
  assert.deepEqual(
    faulty.commits.map(({ sequence }) => sequence),
    [1, 2, 3, 4],
  );
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  await world.close();
});

test("no more is fetched than the window holds, in messages and in bytes", async () => {
  for (const limits of [{ windowMessagesMax: 10 }, { windowBytesMax: 400 }]) {
    const world = await World.open();
    for (let n = 0; n < 10; n++) await world.publishKeys("abcde");
    const gate = new Gate();
    const { counters } = await world.subscribe(() => gate.promise, {
      limits: { ...limits, fetchMessagesMax: 5 },
    });
    await world.clock.settle();
    assert.ok(counters.delivered >= 5 && counters.delivered <= 30, `${counters.delivered}`);
    gate.open();
    await world.clock.settle();
    assert.equal(counters.acked, 50);
    await world.close();
  }
});

test("a fenced unit: what is still owned runs again in order, the rest is released", async () => {
  const world = await World.open();
  await world.publishKeys("abcab");
  const calls: number[] = [];
  const reasons: unknown[] = [];
  const handler: Handler = (message, context) => {
    calls.push(numberOf(message));
    if (numberOf(message) !== 2) return undefined;
    // Still running when the unit is refused: of a key that was lost.
    context.signal.addEventListener("abort", () => reasons.push(context.signal.reason));
    return new Promise(() => undefined);
  };
  const { faulty, counters } = await subscribeFaulty(world, handler, {}, (unit, consumer) => {
    if (unit.sequence > 1) return "pass";
    consumer.isOwned = (batch, record) => batch.stored.keyAt(record) !== "c";
    return { kind: "fenced" };
  });
  await world.clock.settle();
  assert.deepEqual(calls, [0, 1, 2, 3, 4, 0, 1, 3, 4]);
  assert.deepEqual(faulty.released, [2]);
  assert.ok(reasons[0] instanceof SpillwayError && reasons[0].code === "LEASE_LOST");
  assert.equal(faulty.resumed, 1);
  assert.deepEqual(await world.depth(), { depth: 1, open: 0 });
  assert.equal(counters.redelivered, 5);
  await world.close();
});

test("a refused unit waits for running handlers, and their results are void", async () => {
  const world = await World.open();
  await world.publishKeys("ab");
  const gate = new Gate();
  const calls: number[] = [];
  const handler: Handler = async (message) => {
    calls.push(numberOf(message));
    if (numberOf(message) === 1 && calls.length === 2) await gate.promise;
    return Noted.message({ n: numberOf(message) + 100 });
  };
  const options = { whole: false, contracts: [Placed] };
  const { faulty } = await subscribeFaulty(world, handler, options, firstIsFenced);
  await world.clock.settle();
  assert.deepEqual(calls, [0, 1]);
  assert.equal(faulty.resumed, 0);
  gate.open();
  await world.clock.settle();
  assert.deepEqual(calls, [0, 1, 0, 1]);
  const published = (await world.read("orders")).map(({ payload }) => payload);
  assert.deepEqual(published.slice(2), ['{"n":100}', '{"n":101}']);
  await world.close();
});

test("what failed and parked in a refused unit is forgotten with it", async () => {
  const world = await World.open();
  await world.publishKeys("aab");
  const calls: string[] = [];
  const handler: Handler = (message, { attempt }) => {
    calls.push(`${numberOf(message)}.${attempt}`);
    if (calls.length < 3) throw new Error("at first");
  };
  const { counters } = await subscribeFaulty(world, handler, {}, firstIsFenced);
  await world.clock.settle();
  assert.deepEqual(calls, ["0.1", "2.1", "0.1", "2.1", "1.1"]);
  assert.equal(counters.retried, 0, "nothing of a refused unit is counted");
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  await world.close();
});

test("a commit that surely had no effect is repeated; the back-off is bounded", async () => {
  const world = await World.open();
  await world.publishKeys("ab");
  let calls = 0;
  const busy = new SpillwayError("JOURNAL_BUSY", "locked for long");
  const { faulty, delivery } = await subscribeFaulty(
    world,
    () => void calls++,
    {},
    (unit) => (unit.sequence < 10 ? busy : "pass"),
  );
  await world.clock.advance(100_000);
  assert.equal(faulty.commits.length, 10);
  assert.equal(calls, 20);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  assert.deepEqual(delivery.troubles, []);
  await world.close();
});

test("a commit of unknown outcome ends the subscription, and says why", async () => {
  const world = await World.open();
  await world.publishKeys("ab");
  const error = new SpillwayError("JOURNAL_IO", "the disk is broken");
  const { faulty, delivery } = await subscribeFaulty(
    world,
    () => undefined,
    {},
    () => error,
  );
  await world.clock.settle();
  assert.equal(await delivery.failure, error);
  assert.equal(faulty.commits.length, 1);
  assert.equal(await delivery.drain(world.clock.monotonicMs() + 1_000), true);
  await world.close();
});

test("a transport that cannot fetch for a while is asked again", async () => {
  const world = await World.open();
  let failures = 0;
  const wrap = (inner: Consumer): Consumer => {
    const faulty = new FaultyConsumer(inner, pass);
    faulty.next = async (max, signal) => {
      if (failures++ < 5) throw new SpillwayError("JOURNAL_BUSY", "locked for long");
      return inner.next(max, signal);
    };
    return faulty;
  };
  const { delivery, counters } = await world.subscribe(() => undefined, {}, { wrap });
  await world.publishKeys("ab");
  await world.clock.settle();
  assert.match(delivery.troubles.join(), /locked for long/);
  await world.publishKeys("cd");
  await world.clock.advance(60_000);
  assert.equal(counters.acked, 4);
  assert.deepEqual(delivery.troubles, []);
  await world.transport.close();
  assert.match(String(await delivery.failure), /closed/i);
  await world.close();
});
