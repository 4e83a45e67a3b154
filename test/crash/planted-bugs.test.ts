// The suites are tested themselves: each bug below is planted into a temporary copy of the sources,
// and the suite that guards against it must fail there, with the violation it is meant to find.
// A plant that no longer applies to the sources fails too. Nothing in src/ knows of this.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { onPlantedCopy } from "../planted-copy.ts";
import { whyNoLoopDisk } from "./loop-disk.ts";
import { type Plant, plants } from "./planted-bugs.ts";

/** A suite of its own: it must not take itself for a part of this run. */
function suiteEnvironment(copy: string, { drainMs }: Plant): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  return {
    ...environment,
    // Goes away with the copy.
    NODE_COMPILE_CACHE: join(copy, ".cache"),
    // As many as the suite itself has; it ends with the first cycle that finds something.
    SPILLWAY_CRASH_CYCLES: "20",
    // What a process does wrong from its start shows in the first of them.
    SPILLWAY_CYCLES: "3",
    // Enough for each of the bugs that its faults find.
    SPILLWAY_FAULTS: "120",
    ...(drainMs === undefined ? {} : { SPILLWAY_CRASH_DRAIN_MS: `${drainMs}` }),
    SPILLWAY_TEST_LONG: "0",
  };
}

function run(copy: string, plant: Plant): { readonly failed: boolean; readonly output: string } {
  const result = spawnSync(
    process.execPath,
    [
      "--conditions=spillway:source",
      "--test",
      `--test-name-pattern=${plant.testName}`,
      `test/crash/${plant.suite}.test.ts`,
    ],
    {
      cwd: copy,
      encoding: "utf8",
      timeout: 120_000,
      env: suiteEnvironment(copy, plant),
    },
  );
  return { failed: result.status !== 0, output: result.stdout + result.stderr };
}

const noDisk = whyNoLoopDisk(tmpdir());

for (const plant of plants) {
  const skip = (plant.suite === "power-cut" && noDisk) || false;
  test(`planted: ${plant.bug}`, { skip, timeout: 180_000 }, () => {
    const places = ["test/crash", "test/journal"];
    onPlantedCopy(plant.changes, places, (copy) => {
      const { failed, output } = run(copy, plant);
      assert.ok(failed, `the bug was not caught by ${plant.suite}`);
      assert.match(output, plant.finds, "the suite failed, but for another reason");
    });
  });
}
