/**
 * Stryker's test runner for this project: one process runs many mutants, one after the other, with
 * the tests that reach them. A mutant counts as killed only if the test that failed passes again,
 * in the same process, without the mutant; where it does not, or where the failure may be a
 * left-over of the mutant before, the mutant is run again in a new process.
 */
import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { StrykerOptions } from "@stryker-mutator/api/core";
import { commonTokens, tokens } from "@stryker-mutator/api/plugin";
import {
  DryRunStatus,
  MutantRunStatus,
  TestStatus,
  type DryRunResult,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
  type TestRunnerCapabilities,
} from "@stryker-mutator/api/test-runner";
import { DryRun } from "./dry-run.ts";
import { HostProcess, type HostRun } from "./host-process.ts";
import type { TestOutcome } from "./run-tests.ts";

/** After so many mutants a process has gathered enough of what they left. */
const runsPerHostMax = 200;

/** The name of the option with the tests. */
export const testsOption = "spillwayTests";

/** Its value. */
export interface TestsOption {
  /** Their paths. */
  readonly files: readonly string[];
  /** Those with any of this in their name are left out. */
  readonly leftOut: readonly string[];
}

/** Runs tests with and without mutants. */
export class StrykerRunner implements TestRunner {
  static readonly inject = tokens(commonTokens.options);
  readonly #tests: TestsOption;
  #host: HostProcess | undefined;
  #dryRun: DryRun | undefined;

  constructor(options: StrykerOptions) {
    this.#tests = options[testsOption] as TestsOption;
  }

  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: true };
  }

  async dryRun(): Promise<DryRunResult> {
    const host = new HostProcess(this.#tests.leftOut);
    try {
      await host.load(this.#tests.files);
      const request = { tests: undefined, bail: false, mutant: undefined, hitLimit: undefined };
      const answer = await host.run(request, () => 600_000);
      if (answer.kind !== "ran") return errorOf(answer);
      const { coverage, outcomes } = answer;
      this.#dryRun = new DryRun(
        outcomes.map(({ id, durationMs }) => ({ id, file: fileOf(id), durationMs })),
        coverage.perTest,
      );
      this.#dryRun.save();
      const tests = outcomes.map(resultOf);
      const { static: atImport, perTest } = coverage;
      const mutantCoverage = { static: { ...atImport }, perTest: copyOf(perTest) };
      return { status: DryRunStatus.Complete, tests, mutantCoverage };
    } finally {
      host.end();
    }
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const dryRun = (this.#dryRun ??= DryRun.read());
    const source = relative(process.cwd(), options.sandboxFileName);
    const chosen = options.testFilter ?? dryRun.reaching(mutantsIn(options.sandboxFileName));
    const tests = dryRun.ordered(chosen, source);
    const result = await this.#judge(options, tests, dryRun);
    if (result.status === MutantRunStatus.Killed) dryRun.found(result.killedBy[0] ?? "", source);
    return result;
  }

  async #judge(
    options: MutantRunOptions,
    tests: readonly string[],
    dryRun: DryRun,
  ): Promise<MutantRunResult> {
    const mutant = options.activeMutant.id;
    const limitMs = (test: string): number => dryRun.limitMs(test);
    const request = { tests, bail: true, mutant, hitLimit: options.hitLimit };
    for (;;) {
      const host = options.reloadEnvironment ? this.#ownHost(mutant) : this.#sharedHost();
      const isNew = host.runs === 0;
      await host.load(dryRun.filesOf(tests));
      const answer = await host.run(request, limitMs);
      if (answer.kind !== "ran" || answer.endless || options.reloadEnvironment) this.#drop(host);
      if (answer.kind !== "ran") {
        // What the mutant before left behind may have ended it.
        if (isNew) return deadOf(answer);
        continue;
      }
      if (answer.endless) return { status: MutantRunStatus.Timeout, reason: "reached too often" };
      const failed = answer.outcomes.find(({ status }) => status === "failed");
      const nrOfTests = answer.outcomes.length;
      if (failed === undefined) return { status: MutantRunStatus.Survived, nrOfTests };
      if (isNew || (await isSound(host, failed, limitMs))) {
        const failureMessage = failed.message ?? "";
        const killedBy = [failed.id];
        return { status: MutantRunStatus.Killed, killedBy, failureMessage, nrOfTests };
      }
      this.#drop(host);
    }
  }

  #sharedHost(): HostProcess {
    if (this.#host !== undefined && this.#host.runs >= runsPerHostMax) this.#drop(this.#host);
    return (this.#host ??= new HostProcess(this.#tests.leftOut));
  }

  /** For a mutant that is there while files are imported. */
  #ownHost(mutant: string): HostProcess {
    if (this.#host !== undefined) this.#drop(this.#host);
    return (this.#host = new HostProcess(this.#tests.leftOut, mutant));
  }

  #drop(host: HostProcess): void {
    host.end();
    if (this.#host === host) this.#host = undefined;
  }

  dispose(): Promise<void> {
    this.#host?.end();
    return Promise.resolve();
  }
}

/** Whether the test that failed passes in the same process without the mutant. */
async function isSound(
  host: HostProcess,
  failed: TestOutcome,
  limitMs: (test: string) => number,
): Promise<boolean> {
  if (failed.stray === true) return false;
  const request = { tests: [failed.id], bail: true, mutant: undefined, hitLimit: undefined };
  const answer = await host.run(request, limitMs);
  return answer.kind === "ran" && answer.outcomes.every(({ status }) => status === "passed");
}

/** The mutants of an instrumented file. */
function mutantsIn(path: string): Set<string> {
  const text = readFileSync(path, "utf8");
  return new Set([...text.matchAll(/stryMutAct_\w+\("(\d+)"\)/g)].map(([, id = ""]) => id));
}

function fileOf(id: string): string {
  return id.slice(0, id.indexOf(" > "));
}

function copyOf<T>(perTest: Readonly<Record<string, Readonly<Record<string, T>>>>): {
  [id: string]: { [mutant: string]: T };
} {
  return Object.fromEntries(Object.entries(perTest).map(([id, hits]) => [id, { ...hits }]));
}

function resultOf({ id, durationMs, status, message }: TestOutcome): TestResult {
  const base = { id, name: id, timeSpentMs: durationMs, fileName: resolve(fileOf(id)) };
  if (status === "passed") return { ...base, status: TestStatus.Success };
  if (status === "skipped") return { ...base, status: TestStatus.Skipped };
  return { ...base, status: TestStatus.Failed, failureMessage: message ?? "" };
}

function errorOf(run: Exclude<HostRun, { kind: "ran" }>): DryRunResult {
  const errorMessage = run.kind === "died" ? run.message : `${run.test} never ended`;
  return { status: DryRunStatus.Error, errorMessage };
}

function deadOf(run: Exclude<HostRun, { kind: "ran" }>): MutantRunResult {
  const { test } = run;
  if (run.kind === "late") return { status: MutantRunStatus.Timeout, reason: `in ${test}` };
  const failureMessage = run.message;
  return { status: MutantRunStatus.Killed, killedBy: [test], failureMessage, nrOfTests: 1 };
}
