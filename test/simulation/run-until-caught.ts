// Runs seeds of the simulation until one fails, and says which: for the copies of planted bugs.
// Arguments: the first seed, and how many.
import { scenarioOf } from "../../src/testing/simulation/scenario.ts";
import { runScenario } from "./simulation-run.ts";

const [first = 1, count = 1] = process.argv.slice(2).map(Number);
for (let seed = first; seed < first + count; seed++) {
  console.log(`seed ${seed}`);
  const { violations } = await runScenario(scenarioOf(seed));
  if (violations.length === 0) continue;
  console.log(violations.slice(0, 20).join("\n"));
  console.log(`caught by ${seed}`);
  break;
}
