// Shuffled messages of several keys, while handlers fail, units are refused, and members of the
// group come and go: of what was committed, each key has all numbers, in order, once.
import assert from "node:assert/strict";
import { z } from "zod";
import { defineEvent } from "../../../src/contracts/event.ts";
import { resequence } from "../../../src/delivery/sequences/sequence-rules.ts";
import { RetryLater } from "../../../src/errors/handler-outcomes.ts";
import { type Random, seededRandom } from "../../../src/kernel/random.ts";
import { FaultyConsumer } from "../delivery/faulty-consumer.ts";
import type { World } from "../delivery/world.ts";
import { Counted, type Counting, countWith, testOnBoth } from "./numbered-world.ts";

const Done = defineEvent("order.done", {
  data: z.object({ key: z.string(), n: z.number() }),
  key: ({ key }) => key,
});
const keys = ["a", "b", "c", "d"];
const numbers = 40;
const seeds = 12;
const retry = { attempts: 1_000, delayMsMin: 1, delayMsMax: 1 };
const sequence = resequence({ first: 1, waitMsMax: 3_600_000 });

/** Moves words about, each by some places. */
function shuffled(words: string[], random: Random, distance: number): string[] {
  const placed = words.map((word, at) => ({ word, at: at + (random.uint32() % distance) }));
  return placed.sort((left, right) => left.at - right.at).map(({ word }) => word);
}

function started(world: World, random: Random): Promise<Counting> {
  const oneIn = (most: number): boolean => random.uint32() % most === 0;
  const limits = { unitMessagesMax: 1 + (random.uint32() % 20), fetchMessagesMax: 16 };
  return countWith(
    world,
    { sequence, limits, retry },
    ({ data }) => {
      if (oneIn(8)) throw new RetryLater({ afterMs: random.uint32() % 500 });
      return Done.message(data as z.output<typeof Done.schema>);
    },
    (consumer) => new FaultyConsumer(consumer, () => (oneIn(12) ? { kind: "fenced" } : "pass")),
  );
}

testOnBoth("every key comes out whole, in order, once", async (world) => {
  await world.transport.declare({
    name: Done.type,
    partitions: 8,
    retention: {},
    compression: "none",
  });
  for (let seed = 1; seed <= seeds; seed++) {
    const random = seededRandom(seed);
    const named = keys.map((key) => `${key}${seed}`);
    const all = Array.from({ length: numbers }, (_, n) =>
      named.map((key) => [key, n + 1] as const),
    );
    const words = shuffled(
      all.flat().map(([key, n]) => JSON.stringify({ key, n })),
      random,
      1 + (random.uint32() % 120),
    );
    let members = [await started(world, random)];
    while (words.length > 0) {
      const some = words.splice(0, 1 + (random.uint32() % 30));
      await world.publish(
        some.map((word) => JSON.parse(word) as unknown),
        Counted,
      );
      await world.clock.advance(random.uint32() % 300);
      if (random.uint32() % 3 !== 0) continue;
      // One more joins, or one leaves, or all start anew: keys change hands.
      if (members.length < 3) members.push(await started(world, random));
      const leaving = members.splice(random.uint32() % members.length, random.uint32() % 3);
      for (const { delivery } of leaving) await delivery.drain(world.clock.monotonicMs());
      if (members.length === 0) members = [await started(world, random)];
    }
    await world.clock.advance(120_000);
    assert.deepEqual(await world.depth(), { depth: 0, open: 0 }, `seed ${seed}`);
    for (const { delivery } of members) await delivery.drain(world.clock.monotonicMs());
    const found = new Map<string, number[]>();
    for (const { payload } of await world.read(Done.type)) {
      const { key, n } = JSON.parse(String(payload)) as {
        readonly key: string;
        readonly n: number;
      };
      if (named.includes(key)) found.set(key, [...(found.get(key) ?? []), n]);
    }
    const expected = Array.from({ length: numbers }, (_, n) => n + 1);
    for (const key of named) assert.deepEqual(found.get(key), expected, `seed ${seed}, key ${key}`);
    assert.deepEqual(await world.read("orders.dead-letters"), []);
  }
});
