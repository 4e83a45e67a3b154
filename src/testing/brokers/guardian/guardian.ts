// The near end of a broker's guardian: starts that process and gives it orders. Owns the channel;
// knows nothing of what the programs are. Always true: the guardian keeps this process alive only
// while an order is under way; should the guardian be killed, its programs are killed from here.
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { GuardianTask, Order, ProgramPlan, Report } from "./guardian-words.ts";
import { killTree } from "./process-tree.ts";

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
/** The file that the guardian runs. */
export const guardianPath = fileURLToPath(
  new URL(`./guardian-process.${extension}`, import.meta.url),
);

interface Waiting {
  readonly resolve: (pid: number | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** See the head of this file. */
export class Guardian {
  readonly #child: ChildProcess;
  readonly #task: GuardianTask;
  readonly #waiting = new Map<number, Waiting>();
  readonly #pids = new Map<string, number>();
  readonly #endings = new Map<string, { readonly code: number | null; readonly how: string }>();
  readonly #gone: Promise<void>;
  #numbers = 0;
  #isOver = false;

  /** Starts the guardian of a directory, which it owns from now on. */
  constructor(task: GuardianTask) {
    this.#task = task;
    const errors = openSync(join(task.directory, "guardian.log"), "a");
    this.#child = fork(guardianPath, [JSON.stringify(task)], {
      // What the caller was started with (inspectors, loaders) is no business of the guardian.
      execArgv: ["--no-warnings"],
      // Ctrl-C goes to the caller's group: the guardian shall live long enough to clean up.
      detached: true,
      stdio: ["ignore", "ignore", errors, "ipc"],
    });
    closeSync(errors);
    this.#child.on("message", (report: Report) => this.#take(report));
    this.#gone = new Promise((resolve) => {
      const over = (): void => {
        this.#over();
        resolve();
      };
      this.#child.once("exit", over);
      this.#child.once("error", over);
    });
    this.#child.unref();
    this.#child.channel?.unref();
  }

  /** The guardian's own process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The processes of the programs that run, without those that they started themselves. */
  get pids(): readonly number[] {
    return [...this.#pids.values()];
  }

  /** How a program ended since it was started last; undefined while it runs. */
  endingOf(name: string): { readonly code: number | null; readonly how: string } | undefined {
    if (this.#isOver) return { code: null, how: "with its guardian, which was killed" };
    return this.#endings.get(name);
  }

  /** From now on only endings of later starts count. */
  forgetEndings(): void {
    this.#endings.clear();
  }

  /** Starts a program. */
  async start(plan: ProgramPlan): Promise<void> {
    this.#endings.delete(plan.name);
    const pid = await this.order({ kind: "start", plan });
    if (pid !== undefined && !this.#endings.has(plan.name)) this.#pids.set(plan.name, pid);
  }

  /** Gives an order; rejects with BROKER_FAILED when it cannot be carried out. */
  async order(order: Order): Promise<number | undefined> {
    if (this.#isOver) throw this.#overError();
    const number = this.#numbers++;
    this.#child.channel?.ref();
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(number, { resolve, reject });
        // Its end is noticed by "exit".
        this.#child.send({ number, order }, () => undefined);
      });
    } finally {
      this.#waiting.delete(number);
      if (this.#waiting.size === 0) this.#child.channel?.unref();
    }
  }

  /** Ends everything and removes the directory; resolves when the guardian is gone, too. */
  async leave(): Promise<void> {
    if (this.#isOver) {
      rmSync(this.#task.directory, { recursive: true, force: true, maxRetries: 5 });
      return;
    }
    this.#child.ref();
    this.#child.send({ number: this.#numbers++, order: { kind: "leave" } }, () => undefined);
    await this.#gone;
  }

  /** Lets go of the guardian and its programs: they go on without this process. */
  async stay(): Promise<void> {
    await this.order({ kind: "stay" });
    this.#child.disconnect();
  }

  #take(report: Report): void {
    if (report.kind === "ended") {
      const { name, code, how } = report;
      this.#pids.delete(name);
      this.#endings.set(name, { code, how });
      return;
    }
    const waiting = this.#waiting.get(report.number);
    if (report.kind === "answer") waiting?.resolve(report.pid);
    else waiting?.reject(new SpillwayError("BROKER_FAILED", report.message));
  }

  #over(): void {
    this.#isOver = true;
    // Where it left by itself nothing is found; where it was killed its programs still run.
    killTree([...this.#pids.values()], this.#task.directory);
    this.#pids.clear();
    for (const { reject } of this.#waiting.values()) reject(this.#overError());
  }

  #overError(): SpillwayError {
    const { directory } = this.#task;
    return new SpillwayError("BROKER_FAILED", `the guardian of ${directory} has ended`);
  }
}
