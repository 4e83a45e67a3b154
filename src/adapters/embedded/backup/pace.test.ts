import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../../testing/virtual-clock.ts";
import { Pace, restShareFirst } from "./pace.ts";

function paceOf(busy: boolean): { clock: VirtualClock; pace: Pace; stop: AbortController } {
  const clock = new VirtualClock();
  const stop = new AbortController();
  return { clock, stop, pace: new Pace(clock, stop.signal, () => busy) };
}

/** How long it rests after a piece of work. */
async function restOf(clock: VirtualClock, pace: Pace, workMs: number): Promise<number> {
  await clock.advance(workMs);
  const from = clock.monotonicMs();
  const done = pace.pieceDone();
  let rested = -1;
  void done.then(() => (rested = clock.monotonicMs() - from));
  for (let step = 0; step < 2_000 && rested < 0; step++) await clock.advance(1);
  return rested;
}

test("while others write it rests, less and less when told to hurry, then not at all", async () => {
  const { clock, pace } = paceOf(true);
  assert.equal(Math.round(await restOf(clock, pace, 10)), 10 * restShareFirst);
  pace.hurry();
  assert.equal(Math.round(await restOf(clock, pace, 10)), 5 * restShareFirst);
  for (let hurries = 0; pace.rests; hurries++) {
    assert.ok(hurries < 10, "it never stops resting");
    pace.hurry();
  }
  assert.ok((await restOf(clock, pace, 10)) <= 1);
});

test("a long piece does not make it rest for ever; a quiet journal not at all", async () => {
  const { clock, pace } = paceOf(true);
  assert.equal(Math.round(await restOf(clock, pace, 10_000)), 500);
  const quiet = paceOf(false);
  assert.ok((await restOf(quiet.clock, quiet.pace, 10)) <= 1);
});

test("it ends a rest at once when the work is to stop", async () => {
  const { clock, pace, stop } = paceOf(true);
  await clock.advance(100);
  const done = pace.pieceDone();
  stop.abort();
  await assert.rejects(done, { code: "ABORTED" });
});
