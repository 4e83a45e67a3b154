// What a run of the bench leaves on the machine: nothing, however it ends. Knows every scratch
// directory and every process of the run. Always true: both end with this process, also where a
// signal ends it.
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const directories = new Set<string>();
const children = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of children) child.kill();
  for (const directory of directories) remove(directory);
});

/** Where the scratch directories lie; the disk under test. */
export const scratch = (): string => process.env["SPILLWAY_BENCH_DIRECTORY"] ?? tmpdir();

/** Works in a directory of its own, which is gone afterwards. */
export async function inScratch<Result>(
  name: string,
  work: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(scratch(), `spillway-${name}-`));
  directories.add(directory);
  try {
    return await work(directory);
  } finally {
    remove(directory);
    directories.delete(directory);
  }
}

function remove(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
}

/** The process ends with this one at the latest. */
export function endsWithUs<Child extends ChildProcess>(child: Child): Child {
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** Runs a script of the bench in a process of its own, with its parameters as JSON. */
export function forkScript(
  script: URL,
  parameters: unknown,
  flags: readonly string[] = [],
): ChildProcess {
  const execArgv = [...process.execArgv, ...flags];
  return endsWithUs(fork(script, [JSON.stringify(parameters)], { execArgv }));
}

/** A signal ends this process as an exit does. */
export function exitOnSignals(): void {
  process.once("SIGINT", () => {
    console.error("\nbench: interrupted");
    process.exit(130);
  });
  process.once("SIGTERM", () => process.exit(143));
}
