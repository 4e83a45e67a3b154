// The simulation of production code: each seed is a run of several processes on one journal, with
// faults, judged by its history and by what there is in the end. SPILLWAY_SEED runs one seed, small
// if it fails; SPILLWAY_SEEDS says how many. `npm run test:long` runs 100,000 and writes
// docs/evidence/simulation.json.
import assert from "node:assert/strict";
import { test } from "node:test";
import { scenarioOf } from "../../src/testing/simulation/scenario.ts";
import { shrink } from "../../src/testing/simulation/shrink.ts";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { reportFailure, runScenario, runSeeds, type Totals } from "./simulation-run.ts";

const only = process.env["SPILLWAY_SEED"];
const seedsOfRun = Number(process.env["SPILLWAY_SEEDS"] ?? (isLongRun ? 100_000 : 100));
const firstSeed = 1;
/** A long run says how far it is after so many seeds. */
const seedsPerLine = 500;

test("seeds", { timeout: isLongRun ? 86_400_000 : 900_000, skip: only !== undefined }, async () => {
  const startedAt = Date.now();
  const progress = (totals: Totals): void => {
    if (totals.seeds % seedsPerLine !== 0) return;
    const seconds = Math.round((Date.now() - startedAt) / 1_000);
    console.log(`${totals.seeds} seeds, ${totals.violations.length} violations, ${seconds} s`);
  };
  const totals = await runSeeds(firstSeed, seedsOfRun, { failuresMax: 5, progress });
  const { seeds, messages, calls, faults, violations, failedSeeds, coverage, tame } = totals;
  const counts = { seeds, messages, calls, faults, ...coverage.counts };
  await recordEvidence("simulation", { seed: firstSeed, counts, violations });
  console.log(`${seeds} seeds, ${messages} messages, ${calls} calls, ${faults} faults`);
  const [worst] = failedSeeds;
  if (worst !== undefined) {
    assert.fail(`${violations.slice(0, 20).join("\n")}\n${await reportFailure(worst)}`);
  }
  assert.deepEqual(tame, [], "each seed has at least four faults of three kinds");
  assert.deepEqual(coverage.missing, [], "every kind of fault strikes every kind of step");
});

test("one seed", { timeout: 900_000, skip: only === undefined }, async () => {
  const seed = Number(only);
  const { violations, trace } = await runScenario(scenarioOf(seed), true);
  if (violations.length === 0) return;
  console.log(trace.join("\n"));
  assert.fail(await reportFailure(seed));
});

test("a seed gives the same run every time", { timeout: 120_000 }, async () => {
  const hashes = new Set<string>();
  for (const seed of [3, 14, 3, 14]) {
    const { traceHash } = await runScenario(scenarioOf(seed));
    hashes.add(`${seed} ${traceHash}`);
  }
  assert.equal(hashes.size, 2, [...hashes].join(", "));
});

test("a seed has what a run must have", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { messages, groups, faults } = scenarioOf(seed);
    assert.ok(messages.length >= 200);
    assert.equal(groups.length, 3);
    assert.ok(faults.length >= 4);
    assert.ok(new Set(faults.map(({ kind }) => kind)).size >= 3, `seed ${seed}`);
  }
});

test("what fails is made small", async () => {
  const scenario = scenarioOf(1);
  const needed = scenario.messages[77];
  const fault = scenario.faults[2];
  assert.ok(needed && fault);
  let runs = 0;
  const smallest = await shrink(
    scenario,
    async ({ messages, faults, groups }) => {
      runs++;
      return messages.includes(needed) && faults.includes(fault) && groups.length > 0;
    },
    200,
  );
  assert.deepEqual(smallest.messages, [needed]);
  assert.deepEqual(smallest.faults, [fault]);
  assert.equal(smallest.groups.length, 1);
  assert.ok(runs < 100, `${runs} runs`);
});

test("making it small ends after so many runs", async () => {
  let runs = 0;
  const never = async (): Promise<boolean> => {
    runs++;
    return false;
  };
  const scenario = scenarioOf(1);
  assert.equal(await shrink(scenario, never, 7), scenario);
  assert.equal(runs, 7);
});
