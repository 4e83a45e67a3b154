// Runs seeds of the simulation until one fails, and says which: for the copies of planted bugs.
// Arguments: the first seed, and how many. The last line is "caught by" and the seed, or "nothing
// caught"; without it the run counts for nothing.
import { SpillwayError } from "../../src/errors/spillway-error.ts";
import { scenarioOf } from "../../src/testing/simulation/scenario.ts";
import { runScenario } from "./simulation-run.ts";

const [first = 1, count = 1] = process.argv.slice(2).map(Number);
const caughtBy = await untilCaught();
console.log(caughtBy === undefined ? "nothing caught" : `caught by ${caughtBy}`);

async function untilCaught(): Promise<number | undefined> {
  for (let seed = first; seed < first + count; seed++) {
    console.log(`seed ${seed}`);
    const violations = await violationsOf(seed);
    if (violations.length === 0) continue;
    for (const violation of violations.slice(0, 20)) console.log(`violation: ${violation}`);
    return seed;
  }
  return undefined;
}

/** What the verdict finds. Where the product itself refuses to go on, that is found, too. */
async function violationsOf(seed: number): Promise<readonly string[]> {
  try {
    const { violations } = await runScenario(scenarioOf(seed));
    return violations;
  } catch (error) {
    if (error instanceof SpillwayError) return [`refused by the product: ${error.message}`];
    throw error;
  }
}
