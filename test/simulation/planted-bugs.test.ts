// The simulation is tested itself: each bug of planted-bugs.ts is planted into a temporary copy of
// the sources, and seeds that run there must find it. A plant that no longer applies fails. A long
// run begins with the first seed; a short one with the seed that is known to catch the bug.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { isLongRun } from "../evidence.ts";
import { plants, seedsToCatchMax } from "./planted-bugs.ts";
import { plantsPage, renderPlants } from "./render-plants.ts";
import { runPlanted } from "./run-planted.ts";

/** What changes in the sources may move a bug to another seed, not far away. */
const seedsOfShortRun = 20;
/** Programs of plants that run at once. */
const programsAtOnce = 2;
const timeoutMs = isLongRun ? 7_200_000 : 300_000;

suite("planted", { concurrency: programsAtOnce }, () => {
  for (const { bug, changes, caughtBy, finds } of plants) {
    test(bug, { timeout: timeoutMs + 60_000 }, async () => {
      const [first, count] = isLongRun ? [1, seedsToCatchMax] : [caughtBy, seedsOfShortRun];
      const { seed, violations } = await runPlanted(changes, { first, count, timeoutMs });
      assert.ok(seed !== undefined, `no seed of ${count} from ${first} on catches it`);
      assert.match(violations, finds, "it was caught, but for another reason");
    });
  }
});

const file = "src/testing/simulation/scenario.ts";
const head = "// What a simulated run does, as plain data";
const find = "const random = seededRandom(Math.imul(seed, 0x9e3779b1));";
const waitForEver = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);";

suite("a planted copy that", { concurrency: programsAtOnce }, () => {
  const broken = [
    { how: "cannot be parsed", change: { find, replace: `const ${find}` } },
    { how: "cannot be loaded", change: { find: head, replace: `import "./no.ts";\n${head}` } },
    {
      how: "dies",
      change: {
        find,
        replace: `(undefined as never as Map<string, () => void>).clear();\n${find}`,
      },
    },
    { how: "stands still", change: { find, replace: `${waitForEver}\n${find}` }, limitMs: 3_000 },
  ];
  for (const { how, change, limitMs = timeoutMs } of broken) {
    test(`${how} has caught nothing`, { timeout: timeoutMs + 60_000 }, async () => {
      const seeds = { first: 1, count: 1, timeoutMs: limitMs };
      await assert.rejects(runPlanted([{ file, ...change }], seeds), /did not run to its end/);
    });
  }
  test("has no bug catches nothing", { timeout: timeoutMs + 60_000 }, async () => {
    const { seed } = await runPlanted([], { first: 1, count: 1, timeoutMs });
    assert.equal(seed, undefined);
  });
});

test("the page of planted bugs says what is planted", () => {
  const hint = "run: node test/simulation/render-plants.ts";
  assert.equal(readFileSync(plantsPage, "utf8"), renderPlants(), hint);
});
