// Numbers that are looked at and not waited for: what is told of gaps, late ones and repeats, and
// where a group remembers how far it is.
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { OutgoingPacker } from "../../../src/delivery/outgoing-packer.ts";
import { Reject } from "../../../src/errors/handler-outcomes.ts";
import { FaultyConsumer } from "../delivery/faulty-consumer.ts";
import { numberOf } from "../delivery/world.ts";
import { Counted, countWith, publishWords, testOnBoth, Uncounted } from "./numbered-world.ts";

testOnBoth("each message is told what its number says, as they come", async (world, context) => {
  const told: unknown[] = [];
  const listen = (event: unknown): unknown => told.push(event);
  subscribe("spillway:sequence", listen);
  context.after(() => unsubscribe("spillway:sequence", listen));
  await publishWords(world, "a5 a6 b1 a9 a7 a9 a8 a7 a4 a10 b2");
  const { seen, counters } = await countWith(world, { sequence: "check" });
  await world.clock.settle();
  const ofA = seen.filter((each) => each.startsWith("a"));
  assert.deepEqual(ofA, [
    "a5 first",
    "a6",
    "a9 gap 2",
    "a7 late",
    "a9 duplicate",
    "a8 late",
    "a7 duplicate",
    "a4 late",
    "a10",
  ]);
  assert.deepEqual(
    seen.filter((each) => each.startsWith("b")),
    ["b1 first", "b2"],
  );
  const { sequenceGaps, sequenceLate, sequenceDuplicates } = counters;
  assert.deepEqual([sequenceGaps, sequenceLate, sequenceDuplicates], [1, 3, 2]);
  const shown = told.map((event) => {
    const { key, kind, number, expected, missing } = event as Record<string, unknown>;
    return [key, kind, number, expected, missing].join(" ");
  });
  assert.deepEqual(shown, [
    "a gap 9 7 2",
    "a late 7 10 0",
    "a duplicate 9 10 0",
    "a late 8 10 0",
    "a duplicate 7 10 0",
    "a late 4 10 0",
  ]);
});

testOnBoth(
  "a group goes on where it was: after a restart, for each tenant by itself",
  async (world) => {
    await publishWords(world, "a1 a2");
    await publishWords(world, "a7", { tenant: "acme" });
    const first = await countWith(world, { sequence: "check" });
    await world.clock.settle();
    await first.delivery.drain(world.clock.monotonicMs());
    await publishWords(world, "a4 a2");
    await publishWords(world, "a8", { tenant: "acme" });
    const second = await countWith(world, { sequence: "check" });
    await world.clock.settle();
    assert.deepEqual(first.seen, ["a1 first", "a2", "a7 first"]);
    assert.deepEqual(second.seen, ["a4 gap 1", "a2 duplicate", "a8"]);
  },
);

testOnBoth("what is set aside has come; what is tried again has its place still", async (world) => {
  await publishWords(world, "a1 a2 a3 a4");
  const attempts: string[] = [];
  const { seen } = await countWith(
    world,
    { sequence: "check" },
    (message, { sequence, attempt }) => {
      attempts.push(`${numberOf(message)} ${attempt} ${sequence?.kind}`);
      if (numberOf(message) === 2) throw new Reject("never");
      if (numberOf(message) === 3 && attempt === 1) throw new Error("once");
    },
  );
  await world.clock.advance(60_000);
  assert.deepEqual(attempts, [
    "1 1 first",
    "2 1 in-order",
    "3 1 in-order",
    "3 2 in-order",
    "4 1 in-order",
  ]);
  assert.deepEqual(seen, ["a1 first", "a3", "a4"]);
});

testOnBoth("nothing of a refused unit is remembered", async (world) => {
  await publishWords(world, "a1 a2 a3");
  let refusals = 0;
  const { seen } = await countWith(world, { sequence: "check" }, undefined, (consumer) => {
    return new FaultyConsumer(consumer, () => (refusals++ < 3 ? { kind: "fenced" } : "pass"));
  });
  await world.clock.settle();
  const once = ["a1 first", "a2", "a3"];
  assert.deepEqual(seen, [...once, ...once, ...once, ...once]);
});

testOnBoth("without a number nothing is told; what is no number is invalid", async (world) => {
  await world.publish([{ key: "a", n: 1 }], Uncounted);
  await publishWords(world, "a1");
  const packer = new OutgoingPacker(world.random);
  const encoded = await world.encoder.encode(Counted, { key: "a", n: 2 }, undefined, undefined);
  packer.add({ ...encoded, attributes: { sequence: "2b" } });
  await world.transport.append(packer.batches);
  await publishWords(world, "a2");
  const { seen, counters } = await countWith(world, { sequence: "check" });
  await world.clock.settle();
  assert.deepEqual(seen, ["a1 none", "a1 first", "a2"]);
  assert.equal(counters.invalid, 1);
  const [invalid] = await world.read("orders.invalid");
  assert.match(
    String(invalid?.attributes.extensions?.["invalidreason"]),
    /its sequence is "2b": a whole number from 0 to 2\^53 - 1 was expected/,
  );
});
