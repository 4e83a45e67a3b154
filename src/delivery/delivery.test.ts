// Delivery on the memory transport: outcomes of handlers, delivery levels, order and drain.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Noted, World } from "./delivery-bench.fixture.ts";

test("every message is handled once and acknowledged", async () => {
  const world = await World.open();
  await world.publishKeys("abcabcabc");
  const seen: number[] = [];
  const { counters } = await world.subscribe((message) => {
    seen.push((message.data as { n: number }).n);
  });
  await world.clock.settle();
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(await world.depth(), { depth: 0, open: 0 });
  assert.equal(counters.acked, 9);
  await world.publish([{ n: 9 }], Noted);
  await world.clock.settle();
  assert.equal(seen.length, 10);
  await world.close();
});
