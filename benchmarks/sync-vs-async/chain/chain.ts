// The processes of one side in one case, in a directory of their own.
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ProcessPool } from "../../../src/demo/stage/process-pool.ts";
import { scratch } from "../../leavings.ts";
import type { SideName } from "../study-run.ts";
import type { Completion, FromLink, Mood, ToLink } from "./link-protocol.ts";

/** A running chain. */
export class Chain {
  /** Where its first service listens. */
  port = 0;
  /** Processor time that all its processes used, known when it is closed. */
  processorMs = 0;
  readonly #pool: ProcessPool<ToLink, FromLink>;
  readonly #directory = mkdtempSync(join(scratch(), "spillway-study-"));
  readonly #ports = new Map<string, number>();
  readonly #accounted = Promise.withResolvers<void>();
  #accounts = 0;

  private constructor(onCompletion: (completion: Completion) => void) {
    this.#pool = new ProcessPool({
      fork: () => fork(new URL("./link-process.ts", import.meta.url), []),
      noun: "link",
      take: ({ name }, report) => {
        if (report.kind === "completed") report.completions.forEach(onCompletion);
        if (report.kind === "processor") this.#account(report.ms);
        if (report.kind === "ready" && report.port !== undefined) {
          this.#ports.set(name, report.port);
        }
      },
    });
  }

  /** Starts all services, each of which knows the next. */
  static async start(
    side: SideName,
    chain: number,
    onCompletion: (completion: Completion) => void,
  ): Promise<Chain> {
    const started = new Chain(onCompletion);
    try {
      await started.#startAll(side, chain);
    } catch (error) {
      await started.close();
      throw error;
    }
    return started;
  }

  /** Rejects when a service ends that nobody ended. */
  get failed(): Promise<never> {
    const failed = this.#pool.failure.then((error) => Promise.reject(error));
    failed.catch(() => undefined);
    return failed;
  }

  /** Something is wrong with the last service, or nothing any more. */
  setMood(chain: number, mood: Mood): void {
    this.#pool.tell(nameOf(chain - 1), { kind: "mood", mood });
  }

  /** Ends all processes, after each has told what it used and which orders passed. */
  async close(): Promise<void> {
    // The end of a process may be seen before its last report: it reports first.
    this.#pool.tellAll({ kind: "account" });
    await Promise.race([this.#accounted.promise, this.#pool.failure]);
    await this.#pool.close({ kind: "drain" });
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #account(ms: number): void {
    this.processorMs += ms;
    this.#accounts++;
    if (this.#accounts === this.#pool.running.length) this.#accounted.resolve();
  }

  async #startAll(side: SideName, chain: number): Promise<void> {
    const places = Array.from({ length: chain }, (_, index) => index);
    await Promise.all(places.map((index) => this.#start(side, chain, index)));
    for (const index of places.slice(1)) {
      const port = this.#ports.get(nameOf(index));
      if (port !== undefined) this.#pool.tell(nameOf(index - 1), { kind: "next", port });
    }
    this.port = this.#ports.get(nameOf(0)) ?? 0;
  }

  async #start(side: SideName, chain: number, index: number): Promise<void> {
    const place = { side, index, chain, directory: this.#directory };
    await this.#pool.start(nameOf(index), { kind: "start", place });
  }
}

function nameOf(index: number): string {
  return `service-${index + 1}`;
}
