// Processes that run seeds at the same time, one for each core. Knows nothing of what seeds do.
// Always true: each seed of a block is run once; a process that ends early makes the run fail;
// after close() none is left.
import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { noTotals, type SeedRange, sumOf, type Totals } from "./simulation-run.ts";

const program = fileURLToPath(new URL("seed-worker.ts", import.meta.url));
/** Seeds that a process is given at once: few, so that all of them end at about the same time. */
const seedsAtOnce = 5;
const processesMax = 8;
/** Young objects live until the end of a seed; with more room for them they are copied less. */
const flags = ["--conditions=spillway:source", "--no-warnings", "--max-semi-space-size=32"];

/** See the head of this file. */
export class SeedPool {
  readonly #workers: readonly ChildProcess[];

  constructor() {
    const count = Math.min(availableParallelism(), processesMax);
    // They are no test files, although one started them.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    this.#workers = Array.from({ length: count }, () => fork(program, { env, execArgv: flags }));
  }

  /** Runs a block of seeds; stops early once `failuresMax` of them failed. */
  async run(
    { first, count }: SeedRange,
    failuresMax: number,
    progress: (totals: Totals) => void,
  ): Promise<Totals> {
    let totals = noTotals;
    let next = first;
    const end = first + count;
    const work = async (worker: ChildProcess): Promise<void> => {
      while (next < end && totals.failedSeeds.length < failuresMax) {
        const range = { first: next, count: Math.min(seedsAtOnce, end - next) };
        next += range.count;
        const ofRange = await ask(worker, range);
        totals = sumOf(totals, ofRange);
        progress(totals);
      }
    };
    await Promise.all(this.#workers.map(work));
    return totals;
  }

  /** Ends all processes. */
  close(): void {
    for (const worker of this.#workers) worker.kill("SIGKILL");
  }
}

function ask(worker: ChildProcess, range: SeedRange): Promise<Totals> {
  return new Promise((resolve, reject) => {
    const name = `seeds ${range.first} to ${range.first + range.count - 1}`;
    const ended = (code: number | null, signal: string | null): void => {
      reject(new Error(`the process that ran ${name} ended: ${signal ?? code}`));
    };
    worker.once("exit", ended);
    worker.once("message", (totals: Totals) => {
      worker.off("exit", ended);
      resolve(totals);
    });
    worker.send(range);
  });
}
