// Both groups get the order, and what does not fit reaches neither.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus, ValidationError } from "spillway";
import { memory } from "spillway/memory";
import { scenario, VirtualClock } from "spillway/testing";
import { OrderPlaced, startShop } from "./01-publish-subscribe.ts";

test("an order is billed and packed once each", async () => {
  const clock = new VirtualClock();
  await using bus = await createBus({ name: "shop", transport: memory(), clock });
  const lines: string[] = [];
  const note = (line: string): void => void lines.push(line);
  await startShop(bus, note, note);

  using story = await scenario(bus);
  await story.publish(OrderPlaced, { orderId: "7", cents: 990 });
  await assert.rejects(story.publish(OrderPlaced, { orderId: "8", cents: -1 }), ValidationError);
  await story.settled();
  story.assertPublished(OrderPlaced, { times: 1 });
  story.assertConsumed(OrderPlaced, { times: 1, group: "billing" });
  story.assertConsumed(OrderPlaced, { times: 1, group: "shipping" });
  assert.deepEqual(lines.toSorted(), [
    "billing: order 7 costs 990 cents",
    "shipping: pack order 7",
  ]);
});
