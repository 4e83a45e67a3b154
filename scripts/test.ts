/**
 * Runs the test suites: `npm test -- [suite…] [part of a path…] [--list] [--long]`.
 * Each file runs in a process of its own under the Node that runs this script.
 * The last line is always `N passed, N failed`, with `, N skipped` when there are any.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { discover, type TestFile } from "./test-runner/discover.ts";
import { parseOptions, type Options } from "./test-runner/options.ts";
import { runFile, stopAll, type FileResult } from "./test-runner/run-file.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const lightConcurrency = 2;
let stopping = false;

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  const files = discover(root, options);
  if (options.list) {
    for (const file of files) console.log(`${file.suite.name.padEnd(12)} ${file.path}`);
    return 0;
  }
  stopOnSignals();
  const light = files.filter((file) => !file.suite.exclusive);
  const exclusive = files.filter((file) => file.suite.exclusive);
  const compileCache = mkdtempSync(join(tmpdir(), "spillway-test-cache-"));
  try {
    const results = [
      ...(await runAll(light, lightConcurrency, options, compileCache)),
      ...(await runAll(exclusive, 1, options, compileCache)),
    ];
    if (stopping) return 130;
    if (files.some(({ suite }) => suite.name === "brokers")) {
      // Everything else here needs nothing of the product's code.
      const { absentBrokers } = await import("./test-runner/absent-brokers.ts");
      for (const line of absentBrokers()) console.log(line);
    }
    return summarize(results);
  } finally {
    rmSync(compileCache, { recursive: true, force: true });
  }
}

async function runAll(
  files: readonly TestFile[],
  concurrency: number,
  options: Options,
  compileCache: string,
): Promise<FileResult[]> {
  const waiting = [...files];
  const results: FileResult[] = [];
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file && !stopping; file = waiting.shift()) {
      const { long, verbose } = options;
      const { suite } = file;
      const timeoutMs = options.timeoutMs ?? (long ? suite.longTimeoutMs : suite.timeoutMs);
      const result = await runFile(file.path, { root, timeoutMs, long, verbose, compileCache });
      if (stopping) return;
      results.push(result);
      printProgress(result, options);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return results;
}

function printProgress(result: FileResult, options: Options): void {
  const seconds = `${(result.durationMs / 1000).toFixed(1)} s`.padStart(8);
  const skipped = result.skipped > 0 ? `, ${result.skipped} skipped` : "";
  const mark = result.failed > 0 ? "FAIL" : "ok  ";
  console.log(`${mark} ${seconds}  ${result.path}  (${result.passed} passed${skipped})`);
  if (result.failed === 0) return;
  if (!options.verbose) console.log(indent(result.output));
  if (result.fault !== undefined) console.log(`     ${result.path}: ${result.fault}`);
}

/** What the file printed, without the lines of its passing tests. */
function indent(text: string): string {
  const lines = text.trimEnd().split("\n");
  const kept = lines.filter((line) => !/^\s*✔ /.test(line));
  return kept.map((line) => `     | ${line}`).join("\n");
}

function summarize(results: readonly FileResult[]): number {
  const sum = (key: "passed" | "failed" | "skipped"): number =>
    results.reduce((total, result) => total + result[key], 0);
  const failures = results.filter((result) => result.failed > 0);
  if (failures.length > 0) console.log("\nFailed files:");
  for (const { path, fault } of failures) console.log(`  ${path}${fault ? `: ${fault}` : ""}`);
  const [passed, failed, skipped] = [sum("passed"), sum("failed"), sum("skipped")];
  if (passed + failed === 0) console.log("no test ran");
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

function stopOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      stopping = true;
      stopAll();
    });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
