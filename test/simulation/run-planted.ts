// A run of the simulation on a copy of the sources with one bug in it, in a process of its own.
// Knows nothing of what the bug is.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { onPlantedCopy } from "../planted-copy.ts";
import type { Plant } from "./planted-bugs.ts";

/** What a run of seeds on a copy said. */
export interface PlantRun {
  /** The seed that failed; undefined: none. */
  readonly seed: number | undefined;
  readonly output: string;
}

/** Runs up to `count` seeds from `first` on, until one fails. */
export function runPlanted(plant: Plant, first: number, count: number): PlantRun {
  const places = ["test/simulation"];
  return onPlantedCopy(plant.changes, places, (copy) => run(copy, first, count));
}

function run(copy: string, first: number, count: number): PlantRun {
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const program = join(copy, "test/simulation/run-until-caught.ts");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--conditions=spillway:source", "--no-warnings", program, String(first), String(count)],
    { cwd: copy, encoding: "utf8", env: environment, timeout: 7_200_000 },
  );
  const output = stdout + stderr;
  const seed = /^caught by (\d+)$/m.exec(stdout)?.[1];
  // A bug may end the process: then the seed that was begun last has caught it.
  const begun = /^seed (\d+)$/gm;
  const last = Array.from(stdout.matchAll(begun)).at(-1)?.[1];
  if (seed !== undefined) return { seed: Number(seed), output };
  return { seed: status === 0 || last === undefined ? undefined : Number(last), output };
}
