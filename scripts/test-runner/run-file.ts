/**
 * Runs one test file in a process group of its own and reports what happened.
 * The group is always gone when the promise resolves: after a normal end, after
 * the time limit, and after `stopAll`. Output is kept up to a limit, tail first.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CountedTest } from "./count-reporter.ts";

/** What one file's run came to. */
export interface FileResult {
  readonly path: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly durationMs: number;
  /** Why the file as a whole counts as failed, beyond its own tests. */
  readonly fault: string | undefined;
  readonly output: string;
}

/** How to run a file. */
export interface RunFileOptions {
  readonly root: string;
  readonly timeoutMs: number;
  readonly long: boolean;
  readonly verbose: boolean;
  /** Where all processes of the run share compiled code: each would compile the same files. */
  readonly compileCache: string;
}

const outputCharactersMax = 4_000_000;
const running = new Set<ChildProcess>();
let sequence = 0;

/** Kills every process group that is still running. */
export function stopAll(): void {
  for (const child of running) killGroup(child);
}

/** Runs `path` and resolves when its whole process group is gone. */
export async function runFile(path: string, options: RunFileOptions): Promise<FileResult> {
  const counts = join(tmpdir(), `spillway-test-${process.pid}-${sequence++}.jsonl`);
  const startedAt = performance.now();
  const child = start(path, counts, options);
  const output = collectOutput(child, options.verbose);
  const ended = await waitForEnd(child, options.timeoutMs);
  const tests = await readCounts(counts);
  const count = (outcome: CountedTest["outcome"]): number =>
    tests.filter((test) => test.outcome === outcome).length;
  const failed = count("failed");
  const fault = faultOf(ended, failed, tests.length, options);
  return {
    path,
    passed: count("passed"),
    failed: failed + (fault === undefined ? 0 : 1),
    skipped: count("skipped"),
    durationMs: performance.now() - startedAt,
    fault,
    output: output(),
  };
}

function start(path: string, counts: string, options: RunFileOptions): ChildProcess {
  const environment: NodeJS.ProcessEnv = { ...process.env };
  delete environment["NODE_TEST_CONTEXT"];
  environment["NODE_COMPILE_CACHE"] = options.compileCache;
  if (options.long) environment["SPILLWAY_TEST_LONG"] = "1";
  const reporter = new URL("count-reporter.ts", import.meta.url).href;
  const child = spawn(
    process.execPath,
    [
      "--conditions=spillway:source",
      "--disable-warning=ExperimentalWarning",
      "--enable-source-maps",
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      `--test-reporter=${reporter}`,
      `--test-reporter-destination=${counts}`,
      path,
    ],
    { cwd: options.root, env: environment, detached: true, stdio: ["ignore", "pipe", "pipe"] },
  );
  running.add(child);
  return child;
}

function collectOutput(child: ChildProcess, verbose: boolean): () => string {
  let text = "";
  const append = (chunk: string): void => {
    if (verbose) process.stdout.write(chunk);
    text += chunk;
    if (text.length > outputCharactersMax * 2) text = text.slice(-outputCharactersMax);
  };
  child.stdout?.setEncoding("utf8").on("data", append);
  child.stderr?.setEncoding("utf8").on("data", append);
  return () => text.slice(-outputCharactersMax);
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly problem?: string;
}

function waitForEnd(child: ChildProcess, timeoutMs: number): Promise<Ending> {
  return new Promise((resolve) => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, timeoutMs);
    const finish = (ending: Ending): void => {
      clearTimeout(timer);
      running.delete(child);
      resolve(ending);
    };
    child.once("error", (error) => {
      finish({ code: null, signal: null, timedOut, problem: error.message });
    });
    // Leftovers of the group would keep the pipes open, so they go before "close" is awaited.
    child.once("exit", () => killGroup(child));
    child.once("close", (code, signal) => finish({ code, signal, timedOut }));
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is already empty.
  }
}

async function readCounts(path: string): Promise<CountedTest[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  await rm(path, { force: true });
  // A killed process may have left its last line unfinished.
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  return complete
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as CountedTest);
}

function faultOf(
  ended: Ending,
  failed: number,
  total: number,
  options: RunFileOptions,
): string | undefined {
  if (ended.timedOut) return `stopped after its limit of ${options.timeoutMs / 1000} s`;
  if (ended.problem !== undefined) return `could not start: ${ended.problem}`;
  if (ended.signal !== null) return `ended by ${ended.signal}`;
  if (ended.code !== 0 && failed === 0) return `exited with code ${ended.code}`;
  if (total === 0) return "ran no test";
  return undefined;
}
