/**
 * Two worker processes share the jobs of one group. One of them is killed in the middle; the
 * other takes over what it had not settled. Every job leaves exactly one result.
 *
 * Prints:
 *   killed the worker that finished the 50th job
 *   200 jobs, 200 results
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type Bus, createBus, defineEvent } from "spillway";
import { embedded } from "spillway/embedded";
import { z } from "zod";

export const JobQueued = defineEvent("com.acme.job.queued", { data: z.object({ job: z.int() }) });
const Result = z.object({ job: z.int(), worker: z.int() });
export const JobDone = defineEvent("com.acme.job.done", { data: Result });

/** The result is stored in the transaction that acknowledges the job: both or neither. */
export async function startWorker(bus: Bus, work: () => Promise<void>): Promise<void> {
  await bus.subscribe(JobQueued, { concurrency: 4 }, async ({ data }) => {
    await work();
    return JobDone.message({ job: data.job, worker: process.pid });
  });
}

async function runWorker(directory: string): Promise<void> {
  const bus = await createBus({ name: "workers", transport: embedded({ directory }) });
  process.once("disconnect", () => void bus.close());
  await startWorker(bus, () => setTimeout(10));
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "spillway-example-"));
  const workers = [1, 2].map(() => fork(import.meta.filename, [directory]));
  {
    await using bus = await createBus({ name: "office", transport: embedded({ directory }) });
    const jobs = Array.from({ length: 200 }, (_, job) => ({ job }));
    await bus.publishMany(JobQueued, jobs);
    const done = new Set<number>();
    let results = 0;
    for await (const { data } of bus.read(JobDone, { follow: true })) {
      done.add(data.job);
      if (++results === 50) {
        workers.find(({ pid }) => pid === data.worker)?.kill("SIGKILL");
        console.log("killed the worker that finished the 50th job");
      }
      if (done.size === jobs.length) break;
    }
    console.log(`${done.size} jobs, ${results} results`);
  }
  for (const worker of workers.filter(({ connected }) => connected)) {
    worker.disconnect();
    await once(worker, "exit");
  }
  rmSync(directory, { recursive: true });
}

// Its test imports this file, too.
if (process.argv[1] === import.meta.filename) {
  await (process.argv[2] === undefined ? main() : runWorker(process.argv[2]));
}
