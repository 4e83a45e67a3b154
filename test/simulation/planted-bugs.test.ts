// The simulation is tested itself: each bug of planted-bugs.ts is planted into a temporary copy of
// the sources, and seeds that run there must find it. A plant that no longer applies fails. A long
// run begins with the first seed; a short one with the seed that is known to catch the bug.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isLongRun } from "../evidence.ts";
import { runPlanted } from "./run-planted.ts";
import { plants, seedsToCatchMax } from "./planted-bugs.ts";
import { plantsPage, renderPlants } from "./render-plants.ts";

/** What changes in the sources may move a bug to another seed, not far away. */
const seedsOfShortRun = 20;

for (const plant of plants) {
  test(`planted: ${plant.bug}`, { timeout: isLongRun ? 7_200_000 : 300_000 }, () => {
    const [first, count] = isLongRun ? [1, seedsToCatchMax] : [plant.caughtBy, seedsOfShortRun];
    const { seed, output } = runPlanted(plant, first, count);
    assert.ok(seed !== undefined, `no seed of ${count} from ${first} on catches it: ${output}`);
    assert.match(output, plant.finds, "it was caught, but for another reason");
  });
}

test("the page of planted bugs says what is planted", () => {
  const hint = "run: node test/simulation/render-plants.ts";
  assert.equal(readFileSync(plantsPage, "utf8"), renderPlants(), hint);
});
