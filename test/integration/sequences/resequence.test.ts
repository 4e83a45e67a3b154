// Messages put into the order of their numbers: what comes early waits, durably and bounded; gaps
// are given up in time and told; what comes later still is set aside.
import assert from "node:assert/strict";
import { resequence } from "../../../src/delivery/sequences/sequence-rules.ts";
import { RetryLater } from "../../../src/errors/handler-outcomes.ts";
import { FaultyConsumer } from "../delivery/faulty-consumer.ts";
import { numberOf } from "../delivery/world.ts";
import { countWith, publishWords, testOnBoth } from "./numbered-world.ts";

const patient = resequence({ first: 1, waitMsMax: 10_000 });

testOnBoth("what comes early waits for those before it; other keys do not", async (world) => {
  const { seen, counters } = await countWith(world, { sequence: patient });
  await publishWords(world, "a3 b1 a2 b2 a5");
  await world.clock.settle();
  assert.deepEqual(seen, ["b1", "b2"]);
  assert.deepEqual(await world.depth(), { depth: 3, open: 3 });
  await publishWords(world, "a1 a4");
  await world.clock.settle();
  assert.deepEqual(seen, ["b1", "b2", "a1", "a2", "a3", "a4", "a5"]);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  assert.equal(counters.sequenceGaps, 0);
});

testOnBoth(
  "a gap is given up in time and told; what comes then is a dead letter",
  async (world) => {
    const { seen, counters } = await countWith(world, { sequence: patient });
    await publishWords(world, "a1 a5");
    await world.clock.advance(4_000);
    await publishWords(world, "a4");
    await world.clock.advance(5_999);
    assert.deepEqual(seen, ["a1"]);
    await world.clock.advance(1);
    assert.deepEqual(seen, ["a1", "a4 gap 2", "a5"], "the earlier one is not passed over");
    await publishWords(world, "a2 a5 a6");
    await world.clock.settle();
    assert.deepEqual(seen.slice(3), ["a6"]);
    const letters = await world.read("orders.dead-letters");
    assert.deepEqual(
      letters.map(({ attributes: { extensions } }) => [
        extensions?.["deadlettercode"],
        extensions?.["deadletterreason"],
      ]),
      [
        [
          "OUT_OF_SEQUENCE",
          "number 2 of its key came after the wait for it was given up; 6 is the next",
        ],
        ["OUT_OF_SEQUENCE", "number 5 of its key was handled before; 6 is the next"],
      ],
    );
    const { sequenceGaps, sequenceLate, sequenceDuplicates, deadLettered } = counters;
    assert.deepEqual([sequenceGaps, sequenceLate, sequenceDuplicates, deadLettered], [1, 1, 1, 2]);
  },
);

testOnBoth(
  "late ones and repeats are handled, or let go, where the rules say so",
  async (world) => {
    const sequence = resequence({
      first: "any",
      waitMsMax: 1,
      late: "handle",
      duplicate: "discard",
    });
    const { seen, counters } = await countWith(world, { sequence });
    await publishWords(world, "a5 a7");
    await world.clock.advance(1_000);
    await publishWords(world, "a6 a5 a4 a8");
    await world.clock.settle();
    assert.deepEqual(seen, ["a5 first", "a7 gap 1", "a6 late", "a4 late", "a8"]);
    assert.equal(counters.discarded, 1);
    assert.equal((await world.depth()).depth, 0);
  },
);

testOnBoth("an early one that is repeated is a repeat, when its turn comes", async (world) => {
  const { seen, counters } = await countWith(world, { sequence: patient });
  await publishWords(world, "a2 a2 a3 a2");
  await world.clock.settle();
  await publishWords(world, "a1");
  await world.clock.settle();
  assert.deepEqual(seen, ["a1", "a2", "a3"]);
  assert.deepEqual([counters.deadLettered, counters.sequenceDuplicates], [2, 2]);
});

testOnBoth("a number that fails is waited for, however long that takes", async (world) => {
  const { seen } = await countWith(world, { sequence: patient }, (message, { attempt }) => {
    if (numberOf(message) === 2 && attempt < 4) throw new RetryLater({ afterMs: 9_000 });
  });
  await publishWords(world, "a5 a4 a1 a2 a3 a6");
  await world.clock.advance(26_999);
  assert.deepEqual(seen, ["a1"]);
  await world.clock.advance(1);
  assert.deepEqual(seen, ["a1", "a2", "a3", "a4", "a5", "a6"]);
});

testOnBoth("what expires early is no gap; it is passed when its turn has come", async (world) => {
  const { seen, counters } = await countWith(world, { sequence: patient });
  await publishWords(world, "a2", { expiresInMs: 100 });
  await publishWords(world, "a3");
  await world.clock.advance(1_000);
  await publishWords(world, "a1");
  await world.clock.settle();
  assert.deepEqual(seen, ["a1", "a3"]);
  assert.equal(counters.sequenceGaps, 0);
});

testOnBoth("a full key gives up its first gap, and only that", async (world) => {
  const sequence = resequence({ first: 1, depthMax: 3 });
  const { seen } = await countWith(world, { sequence });
  await publishWords(world, "a3 a4 a6");
  await world.clock.settle();
  assert.deepEqual(seen, []);
  await publishWords(world, "a8");
  await world.clock.settle();
  assert.deepEqual(seen, ["a3 gap 2", "a4"]);
  await publishWords(world, "a7 a5");
  await world.clock.settle();
  assert.deepEqual(seen.slice(2), ["a5", "a6", "a7", "a8"]);
});

testOnBoth("at the bound of all keys the one that has waited longest goes on", async (world) => {
  const sequence = resequence({ first: 1, heldMax: 3 });
  const { seen, delivery } = await countWith(world, { sequence });
  await publishWords(world, "a3 b2 a5");
  await world.clock.settle();
  assert.deepEqual(seen, []);
  assert.match(delivery.troubles.join(), /3 messages wait for others of their key's sequence/);
  await publishWords(world, "c2");
  await world.clock.settle();
  assert.deepEqual(seen, ["a3 gap 2", "a5 gap 1"]);
  assert.deepEqual(delivery.troubles, []);
  await publishWords(world, "b1 c1");
  await world.clock.settle();
  assert.deepEqual(new Set(seen.slice(2)), new Set(["b1", "b2", "c1", "c2"]));
});

testOnBoth("what waits survives a restart; the time begins anew with it", async (world) => {
  const first = await countWith(world, { sequence: patient });
  await publishWords(world, "a1 a4 a3");
  await world.clock.advance(9_000);
  await first.delivery.drain(world.clock.monotonicMs());
  await world.clock.advance(60_000);
  const second = await countWith(world, { sequence: patient });
  await world.clock.advance(9_999);
  assert.deepEqual([first.seen, second.seen], [["a1"], []]);
  await publishWords(world, "a2");
  await world.clock.settle();
  assert.deepEqual(second.seen, ["a2", "a3", "a4"]);
});

testOnBoth("without the option what waited is handled as it was stored", async (world) => {
  const first = await countWith(world, { sequence: patient });
  await publishWords(world, "a1 a4 a3");
  await world.clock.settle();
  await first.delivery.drain(world.clock.monotonicMs());
  const second = await countWith(world, {});
  await publishWords(world, "a2");
  await world.clock.settle();
  assert.deepEqual(second.seen, ["a4 none", "a3 none", "a2 none"]);
});

testOnBoth("time in which nothing was looked at does not count", async (world) => {
  const gate = Promise.withResolvers<void>();
  const options = { sequence: patient, concurrency: 1 } as const;
  const { seen } = await countWith(world, options, async (message) => {
    if (numberOf(message) === 7) await gate.promise;
  });
  await publishWords(world, "a2");
  await world.clock.settle();
  await publishWords(world, "b1 b2 b3 b4 b5 b6 b7 b8 a1");
  await world.clock.advance(50_000);
  assert.deepEqual(seen.length, 6);
  gate.resolve();
  await world.clock.settle();
  assert.deepEqual(seen.slice(6), ["b7", "b8", "a1", "a2"]);
});

testOnBoth("a refused unit changes no order", async (world) => {
  let commits = 0;
  const { seen } = await countWith(world, { sequence: patient }, undefined, (consumer) => {
    return new FaultyConsumer(consumer, () => (commits++ % 3 === 1 ? { kind: "fenced" } : "pass"));
  });
  for (const words of ["a4 a6 b2", "a3 a2", "b3 a5", "b1 a1"]) {
    await publishWords(world, words);
    await world.clock.settle();
  }
  await world.clock.advance(1_000);
  assert.equal((await world.depth()).depth, 0);
  const last = [...new Set(seen.toReversed())].toReversed();
  assert.deepEqual(
    last.filter((each) => each.startsWith("a")),
    ["a1", "a2", "a3", "a4", "a5", "a6"],
  );
  assert.deepEqual(
    last.filter((each) => each.startsWith("b")),
    ["b1", "b2", "b3"],
  );
});

testOnBoth(
  "at no bound is a number given up that fails: it is known to be there",
  async (world) => {
    for (const [round, bound] of ([{ depthMax: 2 }, { heldMax: 2 }] as const).entries()) {
      const sequence = resequence({ first: 1, ...bound });
      const group = `g${round}`;
      const options = { sequence, group } as const;
      const { seen } = await countWith(world, options, ({ data }, { attempt }) => {
        const { key, n } = data as { readonly key: string; readonly n: number };
        if (key === "a" && n === 1 && attempt < 3) throw new RetryLater({ afterMs: 1_000 });
      });
      if (round === 0) await publishWords(world, "a1 a5 a3 a4 a2 b2");
      await world.clock.advance(1_999);
      assert.deepEqual(seen, round === 0 ? [] : ["b2 gap 1"], "only what is missing is given up");
      await world.clock.advance(1);
      assert.deepEqual(seen.slice(round), ["a1", "a2", "a3", "a4", "a5"]);
    }
  },
);

testOnBoth(
  "while a number fails nothing is given up for which the others wait, and none overtakes",
  async (world) => {
    const { seen, counters } = await countWith(world, { sequence: patient }, (message, it) => {
      if (numberOf(message) === 2 && it.attempt < 4) throw new RetryLater({ afterMs: 9_000 });
    });
    await publishWords(world, "a1 a2 a5 a4 a3");
    await world.clock.advance(20_000);
    await publishWords(world, "a9");
    await world.clock.advance(6_999);
    assert.deepEqual(seen, ["a1"]);
    assert.equal(counters.parked, 0, "they wait for their numbers, not in the order of offsets");
    await world.clock.advance(1);
    await publishWords(world, "a7 a6 a8");
    await world.clock.settle();
    assert.deepEqual(seen, ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"]);
    assert.equal(counters.deadLettered, 0);
  },
);

testOnBoth(
  "behind a number that fails, what is too many waits in its key's line",
  async (world) => {
    const sequence = resequence({ first: 1, depthMax: 2 });
    const limits = { parkedPerKeyMax: 2 };
    const { seen, counters } = await countWith(world, { sequence, limits }, (message, it) => {
      if (numberOf(message) === 1 && it.attempt < 2) throw new RetryLater({ afterMs: 1_000 });
    });
    await publishWords(world, "a1 a3 a5 a4 a2");
    await world.clock.advance(999);
    assert.equal(counters.parked, 2);
    assert.deepEqual(await world.depth(), { depth: 5, open: 5 });
    await world.clock.advance(1);
    assert.deepEqual(seen, ["a1", "a2", "a3", "a4", "a5"]);
    await publishWords(world, "a6");
    await world.clock.settle();
    assert.equal(seen.at(-1), "a6");
  },
);

testOnBoth("more than may wait costs nothing while the key's line comes out", async (world) => {
  const sequence = resequence({ first: 1, depthMax: 2 });
  let commits = 0;
  const { seen } = await countWith(
    world,
    { sequence },
    (message, { attempt }) => {
      const afterMs = numberOf(message) * 1_000;
      if (numberOf(message) < 3 && attempt < 2) throw new RetryLater({ afterMs });
    },
    // Without an end to it the clock would never settle.
    (consumer) => new FaultyConsumer(consumer, () => (++commits > 50 ? new Error("many") : "pass")),
  );
  await publishWords(world, "a1 a3 a5 a4 a2");
  await world.clock.advance(2_999);
  assert.deepEqual(seen, ["a1"]);
  assert.ok(commits < 20, `${commits} commits`);
  await world.clock.advance(1);
  assert.deepEqual(seen, ["a1", "a2", "a3", "a4", "a5"]);
});
