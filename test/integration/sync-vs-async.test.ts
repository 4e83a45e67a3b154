/**
 * One case of the study of synchronous calls beside messages, with real processes, small.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { momentsOf } from "../../benchmarks/sync-vs-async/run/moments.ts";
import { runCase } from "../../benchmarks/sync-vs-async/run/run-case.ts";
import type { StudyCase } from "../../benchmarks/sync-vs-async/study-run.ts";

test("both sides get the same orders, and keep what they said, past a dead service", async () => {
  const dead: StudyCase = { group: "fault", chain: 2, load: 0.2, fault: "dead", seconds: 3 };
  const { sync, spillway } = await runCase(dead, 1);
  for (const side of [sync, spillway]) {
    assert.equal(side.offered, momentsOf(dead, 1).length);
    assert.equal(side.accepted + side.refused + side.timedOut, side.offered);
    assert.equal(side.lost, 0);
    assert.equal(side.completed, side.accepted + side.unknown);
    assert.ok(side.processorMsPerOrder > 0);
  }
  // What comes while it is dead cannot be done at once; on the right it is done later.
  assert.ok(sync.completed < sync.offered);
  assert.ok(spillway.completed > sync.completed);
});
