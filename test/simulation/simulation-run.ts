// Runs seeds of the simulation one after another, sums up what they did, and makes the first seeds
// that fail small. Shared by the suite and by the planted bugs.
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { Coverage, type FaultKind } from "../../src/testing/simulation/faults.ts";
import { type Scenario, scenarioOf } from "../../src/testing/simulation/scenario.ts";
import { describeScenario, shrink } from "../../src/testing/simulation/shrink.ts";
import { type Outcome, simulate } from "../../src/testing/simulation/simulate.ts";

/** Where directories are made: in memory where there is such a place, the disk is not the point. */
export const folder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** What a run of seeds did. */
export interface Totals {
  seeds: number;
  messages: number;
  calls: number;
  faults: number;
  /** Seeds with fewer faults, or fewer kinds of them, than a run must have. */
  readonly tame: number[];
  readonly coverage: Coverage;
  /** One line for each violation. */
  readonly violations: string[];
  readonly failedSeeds: number[];
}

/** Runs one scenario. */
export function runScenario(scenario: Scenario, keepsTrace = false): Promise<Outcome> {
  return simulate(scenario, { folder, keepsTrace });
}

/** Runs seeds until one of them is the last, or `failuresMax` failed. */
export async function runSeeds(
  first: number,
  count: number,
  options: { readonly failuresMax: number; readonly progress?: (totals: Totals) => void },
): Promise<Totals> {
  const totals: Totals = {
    seeds: 0,
    messages: 0,
    calls: 0,
    faults: 0,
    tame: [],
    coverage: new Coverage(),
    violations: [],
    failedSeeds: [],
  };
  for (let seed = first; seed < first + count; seed++) {
    const outcome = await runScenario(scenarioOf(seed));
    take(totals, seed, outcome);
    options.progress?.(totals);
    if (totals.failedSeeds.length >= options.failuresMax) break;
  }
  return totals;
}

function take(totals: Totals, seed: number, outcome: Outcome): void {
  totals.seeds++;
  totals.messages += outcome.stored;
  totals.calls += outcome.calls;
  totals.coverage.addAll(outcome.coverage);
  const count = sum(outcome.struck);
  totals.faults += count;
  if (count < 4 || outcome.struck.size < 3) totals.tame.push(seed);
  if (outcome.violations.length === 0) return;
  totals.failedSeeds.push(seed);
  for (const violation of outcome.violations) totals.violations.push(`seed ${seed}: ${violation}`);
}

function sum(counts: ReadonlyMap<FaultKind, number>): number {
  return Array.from(counts.values()).reduce((total, count) => total + count, 0);
}

/** A seed that fails, as small as it can be made, with the command that repeats it. */
export async function reportFailure(seed: number): Promise<string> {
  const fails = async (scenario: Scenario): Promise<boolean> =>
    (await runScenario(scenario)).violations.length > 0;
  const smallest = await shrink(scenarioOf(seed), fails);
  const { violations } = await runScenario(smallest);
  return [
    describeScenario(smallest),
    ...violations.slice(0, 10).map((violation) => `  ${violation}`),
    `  repeat it: SPILLWAY_SEED=${seed} npm test -- simulation/simulation --verbose`,
  ].join("\n");
}
