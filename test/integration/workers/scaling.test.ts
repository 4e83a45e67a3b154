// Threads come with the pool of their subscription, and go with it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus, workerHandler } from "spillway";
import { memory } from "spillway/memory";
import { eventually } from "../bus-subjects.ts";
import { Scanned } from "./contracts.ts";

test("a pool that scales itself starts threads as they are needed, and ends them", async (t) => {
  const bus = await createBus({ name: "archive", transport: memory() });
  const handler = workerHandler(new URL("./fixtures/slow.ts", import.meta.url), { threadsMax: 4 });
  t.after(async () => {
    await bus.close();
    handler.close();
  });
  const concurrency = { min: 1, max: 3, goalMs: 200, tickMs: 20, holdMs: 100 };
  const subscription = await bus.subscribe(Scanned, { concurrency }, handler);
  const pages = Array.from({ length: 60 }, (_, page) => ({ page: `${page}`, text: "" }));
  await bus.publishMany(Scanned, pages);
  // All that max allows, and then all that min needs.
  await eventually(() => handler.load.threads === 3);
  await eventually(() => handler.load.threads === 1);
  assert.equal((await subscription.stats()).acked, 60);
  assert.equal(subscription.scaling?.current, 1);
  assert.deepEqual(handler.load, { threads: 1, waiting: 0 });

  const other = await bus.subscribe(Scanned, { group: "other", concurrency: 2 }, handler);
  await eventually(async () => (await other.stats()).acked === 60);
  assert.equal(handler.load.threads, 2, "so many as are kept busy");
  await other.close();
  await eventually(() => handler.load.threads === 1);
});
