// A worker's connection ends again and again while it settles its jobs: each has one result.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus } from "spillway";
import { memory } from "spillway/memory";
import { faultTransport, scenario, VirtualClock } from "spillway/testing";
import { JobDone, JobQueued, startWorker } from "./04-several-processes.ts";

test("every job has exactly one result, though commits are lost", async () => {
  const clock = new VirtualClock();
  const faults = ["commit-lost", "commit-unanswered"] as const;
  const transport = faultTransport(memory(), { seed: 7, share: 0.5, faults });
  await using bus = await createBus({ name: "workers", transport, clock });
  await startWorker(bus, async () => undefined);

  using story = await scenario(bus);
  for (let job = 0; job < 50; job++) await story.publish(JobQueued, { job });
  await story.settled();
  const results = story.assertPublished(JobDone, { times: 50 });
  assert.equal(new Set(results.map(({ data }) => data.job)).size, 50);
  assert.ok((transport.faultCounts["commit-unanswered"] ?? 0) > 0);
  transport.abortFaults();
});
