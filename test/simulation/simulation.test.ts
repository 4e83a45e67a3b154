// The simulation of production code: each seed is a run of several processes on one journal, with
// faults, judged by its history and by what there is in the end. SPILLWAY_SEED runs one seed, small
// if it fails; SPILLWAY_FIRST_SEED and SPILLWAY_SEEDS run others than the first 100. In a long
// run, `npm run test:long`, they are 100,000, recorded in docs/evidence/simulation.json after every
// 1,000: it goes on where the record of the same sources ends, SPILLWAY_SEEDS says how far.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Coverage } from "../../src/testing/simulation/faults.ts";
import { scenarioOf } from "../../src/testing/simulation/scenario.ts";
import { shrink } from "../../src/testing/simulation/shrink.ts";
import { isLongRun } from "../evidence.ts";
import { SeedPool } from "./seed-pool.ts";
import { codeOfSeeds, recordedTotals, recordTotals, seedsOfRecord } from "./seed-record.ts";
import {
  howToRepeat,
  noTotals,
  reportFailure,
  runScenario,
  sumOf,
  type Totals,
} from "./simulation-run.ts";

const only = process.env["SPILLWAY_SEED"];
const code = isLongRun ? codeOfSeeds() : "";
const before = isLongRun ? recordedTotals(code) : noTotals;
const firstSeed = isLongRun ? before.seeds + 1 : Number(process.env["SPILLWAY_FIRST_SEED"] ?? 1);
const seedsMax = isLongRun ? seedsOfRecord - before.seeds : 100;
const seedsOfRun = Number(process.env["SPILLWAY_SEEDS"] ?? seedsMax);
/** After so many seeds a run is recorded. */
const seedsOfBlock = 1_000;
/** It says how far it is after so many seeds. */
const seedsPerLine = isLongRun ? 500 : 100;
/** So many seeds have every kind of fault at every kind of step. */
const seedsToStrikeAll = 100;
/** It ends once so many seeds failed. */
const failuresMax = 5;

test("seeds", { timeout: isLongRun ? 86_400_000 : 900_000, skip: only !== undefined }, async () => {
  console.log(`${seedsOfRun} seeds from ${firstSeed} on; ${howToRepeat("…")}`);
  const totals = await runAll();
  const { seeds, messages, calls, faults, violations, failedSeeds, counts, tame } = totals;
  console.log(`${seeds} seeds, ${messages} messages, ${calls} calls, ${faults} faults`);
  const [worst] = failedSeeds;
  if (worst !== undefined) {
    assert.fail(`${violations.slice(0, 20).join("\n")}\n${await reportFailure(worst)}`);
  }
  assert.deepEqual(tame, [], "each seed has at least 200 messages, four faults of three kinds");
  assert.equal(seeds, before.seeds + seedsOfRun);
  // A few seeds have not enough faults for that.
  if (seeds < seedsToStrikeAll) return;
  const coverage = new Coverage();
  coverage.addAll(counts);
  assert.deepEqual(coverage.missing, [], "every kind of fault strikes every kind of step");
});

async function runAll(): Promise<Totals> {
  const startedAt = Date.now();
  const end = firstSeed + seedsOfRun;
  const pool = new SeedPool();
  let totals = before;
  let toldOf = 0;
  const progress = ({ seeds: ofBlock, failedSeeds }: Totals): void => {
    const seeds = totals.seeds - before.seeds + ofBlock;
    if (seeds - toldOf < seedsPerLine) return;
    toldOf = seeds;
    const seconds = (Date.now() - startedAt) / 1_000;
    const each = Math.round((1_000 * seconds) / seeds);
    console.log(
      `${seeds} of ${seedsOfRun} seeds in ${Math.round(seconds)} s, one in ${each} ms, ` +
        `${totals.failedSeeds.length + failedSeeds.length} failed`,
    );
  };
  try {
    for (let first = firstSeed; first < end; first += seedsOfBlock) {
      const block = { first, count: Math.min(seedsOfBlock, end - first) };
      const failures = failuresMax - totals.failedSeeds.length;
      totals = sumOf(totals, await pool.run(block, failures, progress));
      await recordTotals(code, totals);
      if (totals.failedSeeds.length >= failuresMax) break;
    }
  } finally {
    pool.close();
  }
  return totals;
}

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
