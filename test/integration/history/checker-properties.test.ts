// The history checker is held against generated histories: sound ones have no violation, and every
// mutation that is planted into one is found. SPILLWAY_SEED=<number> plays others.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { seededRandom } from "../../../src/kernel/random.ts";
import { checkHistory } from "../../../src/testing/history/check-history.ts";
import { violationKinds } from "../../../src/testing/history/violation.ts";
import { isLongRun } from "../../evidence.ts";
import { mutations } from "./mutations.ts";
import { SoundWorld } from "./sound-history.ts";

const seed = Number(process.env["SPILLWAY_SEED"] ?? 20_260_101);
const rules = { stuckMs: 5_000, isDense: true };
const numRuns = isLongRun ? 5_000 : 100;
const stepsMax = 150;
const worlds = [fc.nat(), fc.integer({ min: 1, max: stepsMax })] as const;

test(`a sound history has no violation (seed ${seed}, ${numRuns} runs)`, () => {
  const property = fc.property(...worlds, (worldSeed, steps) => {
    assert.deepEqual(checkHistory(new SoundWorld(worldSeed).run(steps), rules), []);
  });
  fc.assert(property, { seed, numRuns });
});

for (const mutation of mutations) {
  test(`${mutation.kind} is found when ${mutation.name} (seed ${seed})`, () => {
    let planted = 0;
    const property = fc.property(...worlds, fc.nat(), (worldSeed, steps, placeSeed) => {
      const history = new SoundWorld(worldSeed).run(steps);
      const mutated = mutation.plant(history, seededRandom(placeSeed));
      if (mutated === undefined) return;
      planted++;
      const found = checkHistory(mutated, rules).map(({ kind }) => kind);
      assert.ok(found.includes(mutation.kind), `found ${found.join(", ") || "nothing"}`);
    });
    fc.assert(property, { seed, numRuns });
    assert.ok(planted > numRuns / 3, `only ${planted} of ${numRuns} histories had a place for it`);
  });
}

test("every kind has a mutation", () => {
  const kinds = new Set(mutations.map(({ kind }) => kind));
  assert.deepEqual(
    violationKinds.filter((kind) => !kinds.has(kind)),
    [],
  );
});

test("a long history is read once, event by event", () => {
  const history = new SoundWorld(1).run(20_000);
  let reads = 0;
  function* counting() {
    for (const event of history) {
      reads++;
      yield event;
    }
  }
  assert.deepEqual(checkHistory(counting(), rules), []);
  assert.equal(reads, history.length);
});
