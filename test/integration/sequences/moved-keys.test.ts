// Keys that go to another member of the group and come back: what this process remembers of them is
// out of date, and decides nothing.
import assert from "node:assert/strict";
import { resequence } from "../../../src/delivery/sequences/sequence-rules.ts";
import type { World } from "../delivery/world.ts";
import { type Counting, countWith, publishWords, testOnBoth } from "./numbered-world.ts";

/** Of several ranges of key slots. */
const keys = ["A", "B", "M", "Z", "a", "b", "p", "q"];
/** One number of every key. */
const each = (number: number): string => keys.map((key) => `${key}${number}`).join(" ");
/** What was handled; a refused unit lets a handler run once more. */
const wordsOf = ({ seen }: Counting): string[] => [...new Set(seen)].toSorted();

/** Some keys go to a member that joins, which leaves again when `meanwhile` is over. */
async function away(
  world: World,
  sequence: ReturnType<typeof resequence>,
  meanwhile: (other: Counting) => Promise<void>,
): Promise<void> {
  const other = await countWith(world, { sequence });
  await world.clock.advance(10_000);
  await meanwhile(other);
  await other.delivery.drain(world.clock.monotonicMs());
  await world.clock.advance(10_000);
}

testOnBoth("a message is not held because of a position that moved elsewhere", async (world) => {
  const sequence = resequence({ first: 1, waitMsMax: 3_600_000 });
  const here = await countWith(world, { sequence });
  await publishWords(world, each(1));
  await world.clock.settle();
  await away(world, sequence, async (other) => {
    await publishWords(world, each(2));
    await world.clock.settle();
    assert.ok(other.seen.length > 0, "no key moved");
    assert.equal(here.seen.length + other.seen.length, 16);
    here.seen.length = 0;
  });
  await publishWords(world, each(3));
  await world.clock.settle();
  assert.deepEqual(wordsOf(here), each(3).split(" "));
});

testOnBoth("what waits is counted once, also where it is delivered anew", async (world) => {
  const sequence = resequence({ first: 1, waitMsMax: 3_600_000, depthMax: 3 });
  // One at a time: a later one of a key is known still when an earlier one is delivered anew.
  const here = await countWith(world, { sequence, limits: { fetchMessagesMax: 1 } });
  await publishWords(world, `${each(4)} ${each(5)}`);
  await world.clock.settle();
  let moved = 0;
  await away(world, sequence, async (other) => {
    moved = other.counters.delivered;
    assert.deepEqual(other.seen, []);
  });
  assert.ok(moved > 0, "no key moved");
  assert.deepEqual(here.seen, [], "a gap was given up although no more than three of a key wait");
  assert.deepEqual(await world.depth(), { depth: 16, open: 16 });
  await publishWords(world, `${each(3)} ${each(1)} ${each(2)}`);
  await world.clock.settle();
  const all = [1, 2, 3, 4, 5].flatMap((number) => each(number).split(" "));
  assert.deepEqual(wordsOf(here), all.toSorted());
});
