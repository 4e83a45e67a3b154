// Runs seeds of the simulation one after another, sums up what they did, and makes the first seeds
// that fail small. Shared by the suite, its workers and the planted bugs.
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { faultKindsMin, faultsMin } from "../../src/testing/simulation/fault-schedule.ts";
import { Coverage, type FaultKind } from "../../src/testing/simulation/faults.ts";
import { messagesOfRun, type Scenario, scenarioOf } from "../../src/testing/simulation/scenario.ts";
import { describeScenario, shrink } from "../../src/testing/simulation/shrink.ts";
import { type Outcome, simulate } from "../../src/testing/simulation/simulate.ts";

/** Where directories are made: in memory where there is such a place, the disk is not the point. */
export const folder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Seeds that follow each other. */
export interface SeedRange {
  readonly first: number;
  readonly count: number;
}

/** What a run of seeds did; plain data, which workers send to whoever asked them. */
export interface Totals {
  readonly seeds: number;
  readonly messages: number;
  readonly calls: number;
  readonly faults: number;
  /** Seeds with fewer messages, faults, or kinds of them, than a run must have. */
  readonly tame: readonly number[];
  /** How often each kind of fault struck at each kind of step, see Coverage. */
  readonly counts: Readonly<Record<string, number>>;
  /** One line for each violation. */
  readonly violations: readonly string[];
  readonly failedSeeds: readonly number[];
}

/** What no seed has done yet. */
export const noTotals: Totals = {
  seeds: 0,
  messages: 0,
  calls: 0,
  faults: 0,
  tame: [],
  counts: {},
  violations: [],
  failedSeeds: [],
};

/** What both did. */
export function sumOf(one: Totals, other: Totals): Totals {
  const coverage = new Coverage();
  coverage.addAll(one.counts);
  coverage.addAll(other.counts);
  return {
    seeds: one.seeds + other.seeds,
    messages: one.messages + other.messages,
    calls: one.calls + other.calls,
    faults: one.faults + other.faults,
    tame: [...one.tame, ...other.tame].toSorted((left, right) => left - right),
    counts: coverage.counts,
    violations: [...one.violations, ...other.violations],
    failedSeeds: [...one.failedSeeds, ...other.failedSeeds].toSorted((left, right) => left - right),
  };
}

/** Runs one scenario. */
export function runScenario(scenario: Scenario, keepsTrace = false): Promise<Outcome> {
  return simulate(scenario, { folder, keepsTrace });
}

/** Runs all seeds of a range. */
export async function runSeeds({ first, count }: SeedRange): Promise<Totals> {
  let totals = noTotals;
  for (let seed = first; seed < first + count; seed++) {
    totals = sumOf(totals, totalsOf(seed, await runScenario(scenarioOf(seed))));
  }
  return totals;
}

function totalsOf(seed: number, outcome: Outcome): Totals {
  const faults = sum(outcome.struck);
  const isFailed = outcome.violations.length > 0;
  // One that failed may have stored less than it should have.
  const hasFaults = faults >= faultsMin && outcome.struck.size >= faultKindsMin;
  const isTame = !hasFaults || (!isFailed && outcome.stored < messagesOfRun);
  return {
    seeds: 1,
    messages: outcome.stored,
    calls: outcome.calls,
    faults,
    tame: isTame ? [seed] : [],
    counts: outcome.coverage.counts,
    violations: outcome.violations.map((violation) => `seed ${seed}: ${violation}`),
    failedSeeds: isFailed ? [seed] : [],
  };
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
    `  ${howToRepeat(seed)}`,
  ].join("\n");
}

/** The command that runs one seed. */
export function howToRepeat(seed: number | string): string {
  return `repeat it: SPILLWAY_SEED=${seed} npm test -- simulation/simulation --verbose`;
}
