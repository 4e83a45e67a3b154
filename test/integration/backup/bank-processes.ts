// Starts banks at work, and backups and restores as processes of their own that a test can kill at
// any moment.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { taskUrl, type TaskReport } from "../../../src/adapters/embedded/task/child-task.ts";

const service = fileURLToPath(new URL("../fixtures/bank-service.ts", import.meta.url));

/** A temporary directory that goes away after the test. */
export function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-backup-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Processes of a bank; stopped after the test, whatever happens. */
export class Banks {
  readonly #children: ChildProcess[] = [];

  private constructor(children: readonly ChildProcess[]) {
    this.#children.push(...children);
  }

  /** Starts `count` of them; resolves once messages flow. */
  static async start(
    t: TestContext,
    directory: string,
    options: { readonly count: number; readonly pauseMs?: number },
  ): Promise<Banks> {
    const children = Array.from({ length: options.count }, (_, index) =>
      fork(service, [directory, `bank-${index}`, String(options.pauseMs ?? 0)], {
        execArgv: ["--conditions=spillway:source", "--no-warnings"],
        env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      }),
    );
    const banks = new Banks(children);
    t.after(async () => banks.kill());
    await Promise.all(children.map(async (child) => once(child, "message")));
    return banks;
  }

  /** Asks them to stop, and waits until they have. */
  async stop(): Promise<void> {
    for (const child of this.#children) child.send("stop");
    await this.#gone();
  }

  /** Ends them at once. */
  async kill(): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await this.#gone();
  }

  async #gone(): Promise<void> {
    const running = this.#children.filter(
      (child) => child.exitCode === null && child.signalCode === null,
    );
    await Promise.all(running.map(async (child) => once(child, "exit")));
  }
}

/** How a task that may be killed ended. */
export type TaskEnd = TaskReport | { readonly kind: "killed" };

/** A backup or restore in a process that the test holds. */
export function startTask(
  file: "backup-process" | "restore-process",
  request: unknown,
): { readonly child: ChildProcess; readonly ended: Promise<TaskEnd> } {
  const child = fork(fileURLToPath(taskUrl("backup", file)), {
    execArgv: ["--no-warnings"],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = new Promise<TaskEnd>((resolve) => {
    let end: TaskEnd = { kind: "killed" };
    child.on("message", (report: TaskReport) => {
      if (report.kind !== "progress") end = report;
    });
    child.once("exit", () => resolve(end));
  });
  child.send({ kind: "start", request });
  return { child, ended };
}
