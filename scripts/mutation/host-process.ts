/**
 * Starts a host, asks it, and ends it: the only place that knows that it is a process. A host that
 * takes too long for one test, or ends by itself, is gone when the answer says so.
 */
import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import type { HostAnswer, HostRequest } from "./host-messages.ts";

/** What became of tests that were asked for. */
export type HostRun =
  | (HostAnswer & { readonly kind: "ran" })
  | { readonly kind: "late"; readonly test: string }
  | { readonly kind: "died"; readonly test: string; readonly message: string };

/** How long a host may take to import files, and to begin with the first test. */
const loadLimitMs = 300_000;
const memoryFolder = "/dev/shm";
const stderrKept = 2_000;

/** A process that runs tests. */
export class HostProcess {
  readonly #child: ChildProcess;
  readonly #leftOut: readonly string[];
  readonly #loaded = new Set<string>();
  #stderr = "";
  /** How many runs it has had. */
  runs = 0;

  /** Leaves out tests with any of `leftOut` in their names; a `mutant` is there at import. */
  constructor(leftOut: readonly string[] = [], mutant?: string) {
    this.#leftOut = leftOut;
    // Tests write to memory where there is such a place: what they test here is not the disk.
    const env: NodeJS.ProcessEnv = { ...process.env };
    if (existsSync(memoryFolder)) env["TMPDIR"] = memoryFolder;
    delete env["__STRYKER_ACTIVE_MUTANT__"];
    if (mutant !== undefined) env["__STRYKER_ACTIVE_MUTANT__"] = mutant;
    this.#child = fork("scripts/mutation/host.ts", {
      execArgv: ["--conditions=spillway:source", "--no-warnings"],
      env,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrKept);
    });
  }

  /** Imports the files that it has not imported yet. */
  async load(files: readonly string[]): Promise<void> {
    const missing = files.filter((file) => !this.#loaded.has(file));
    if (missing.length === 0) return;
    const answer = await this.#ask(
      { kind: "load", files: missing, leftOut: this.#leftOut },
      () => loadLimitMs,
    );
    if (answer.kind !== "loaded") throw new Error(`tests cannot be imported: ${describe(answer)}`);
    for (const file of missing) this.#loaded.add(file);
  }

  /** Runs tests; `limitMs` says how long each may take. */
  async run(
    request: Omit<HostRequest & { kind: "run" }, "kind">,
    limitMs: (test: string) => number,
  ): Promise<HostRun> {
    this.runs++;
    const answer = await this.#ask({ kind: "run", ...request }, limitMs);
    if (answer.kind === "loaded" || answer.kind === "began" || answer.kind === "failed") {
      throw new Error(`tests cannot be run: ${describe(answer)}`);
    }
    return answer;
  }

  #ask(request: HostRequest, limitMs: (test: string) => number): Promise<HostAnswer | HostRun> {
    return new Promise((resolve) => {
      let test = "";
      let timer = setTimeout(late, loadLimitMs);
      const child = this.#child;
      const finish = (answer: HostAnswer | HostRun): void => {
        clearTimeout(timer);
        child.off("message", hear);
        child.off("exit", died);
        resolve(answer);
      };
      function late(): void {
        child.kill("SIGKILL");
        finish({ kind: "late", test });
      }
      const hear = (answer: HostAnswer): void => {
        if (answer.kind !== "began") return finish(answer);
        test = answer.test;
        clearTimeout(timer);
        timer = setTimeout(late, limitMs(test));
      };
      const died = (code: number | null, signal: string | null): void => {
        const message = `ended with ${code ?? signal}: ${this.#stderr}`;
        finish({ kind: "died", test, message });
      };
      if (child.exitCode !== null || child.signalCode !== null) {
        return died(child.exitCode, child.signalCode);
      }
      child.on("message", hear);
      child.once("exit", died);
      child.send(request);
    });
  }

  /** Ends it. */
  end(): void {
    this.#child.kill("SIGKILL");
  }
}

function describe(answer: HostAnswer | HostRun): string {
  return "message" in answer ? answer.message : answer.kind;
}
