// A run of the simulation on a copy of the sources with one bug in it, in a process of its own.
// Knows nothing of what the bug is. Always true: only violations that the run told count as a
// catch; a copy that does not start, that dies, or that does not end in time is an error.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { besidePlantedCopy, type Change } from "../planted-copy.ts";

/** What a run of seeds on a copy said. */
export interface PlantRun {
  /** The seed that failed; undefined: none. */
  readonly seed: number | undefined;
  /** What it found, one violation a line. */
  readonly violations: string;
}

/** Which seeds are run, and how long they may take. */
export interface PlantSeeds {
  readonly first: number;
  readonly count: number;
  readonly timeoutMs: number;
}

/** Runs up to `count` seeds from `first` on, until one fails. */
export function runPlanted(changes: readonly Change[], seeds: PlantSeeds): Promise<PlantRun> {
  return besidePlantedCopy(changes, ["test/simulation"], (copy) => run(copy, seeds));
}

async function run(copy: string, { first, count, timeoutMs }: PlantSeeds): Promise<PlantRun> {
  // It is no part of this test run; and what is compiled here is compiled nowhere else.
  const { NODE_TEST_CONTEXT: _, NODE_COMPILE_CACHE: __, ...environment } = process.env;
  const program = join(copy, "test/simulation/run-until-caught.ts");
  const child = spawn(
    process.execPath,
    ["--conditions=spillway:source", "--no-warnings", program, String(first), String(count)],
    {
      cwd: copy,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    },
  );
  const [output, errors] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  const end = /^(?:caught by (\d+)|nothing caught)\n$/m.exec(output.slice(lastLineAt(output)));
  if (child.exitCode !== 0 || end === null) {
    const how = child.signalCode ?? `exit code ${child.exitCode}`;
    throw new Error(`the planted copy did not run to its end: ${how}\n${output}${errors}`);
  }
  const violations = output.split("\n").filter((line) => line.startsWith("violation: "));
  const seed = end[1] === undefined ? undefined : Number(end[1]);
  return { seed, violations: violations.join("\n") };
}

function lastLineAt(output: string): number {
  return output.lastIndexOf("\n", output.length - 2) + 1;
}
