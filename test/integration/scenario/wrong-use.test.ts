// What a scenario is given by callers without types, and cannot mean, is refused by name.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus, defineEvent } from "spillway";
import { memory } from "spillway/memory";
import { scenario, VirtualClock } from "spillway/testing";
import { z } from "zod";

const Paid = defineEvent("test.paid", {
  data: z.object({ account: z.string(), number: z.int() }),
});

test("a scenario refuses what it cannot mean", async () => {
  const clock = new VirtualClock();
  await using bus = await createBus({ name: "b", transport: memory(), clock });
  using story = await scenario(bus);
  await assert.rejects(story.settled({ withinMs: -1 }), /withinMs is -1: give milliseconds/);
  await story.settled();
  assert.throws(() => story.assertPublished(Paid, { times: -1 }), /times is -1: give a whole/);
  const named = JSON.parse('"test.paid"') as typeof Paid;
  assert.throws(() => story.published(named), /test.paid is not a contract: give what define/);
  await assert.rejects(story.publish(named, { account: "a", number: 1 }), /is not a contract/);
});
