// The demo's worker processes are the command line itself, forked: this file starts them, and is
// what runs in them. Knows nothing of deliveries.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runEnrichmentWorker } from "../../demo/webhooks/enrichment-worker.ts";
import type { ForkWorker } from "../../demo/webhooks/worker-pool.ts";
import type { WorkerOrder, WorkerReport } from "../../demo/webhooks/worker-protocol.ts";
import type { CommandIo } from "../command.ts";

/** The word by which a forked process knows that it is a worker; not for people. */
export const workerWord = "webhooks-worker";

/** Forks this very program, built or from its sources. */
export const forkWorker: ForkWorker = () => {
  const entry = import.meta.url.endsWith(".ts") ? "../main.ts" : "../main.js";
  return fork(fileURLToPath(new URL(entry, import.meta.url)), ["demo", workerWord], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
};

/** Whether this process was forked and has a channel to its parent. */
export function isForked(): boolean {
  return process.send !== undefined;
}

/** Runs a worker until its parent tells it to end, or is gone. */
export async function runWorkerProcess(io: CommandIo): Promise<void> {
  await runEnrichmentWorker({
    clock: io.clock,
    random: io.random,
    send: (report: WorkerReport) => {
      // A parent that is gone is noticed by "disconnect".
      if (process.connected) process.send?.(report, undefined, undefined, () => undefined);
    },
    orders: (take) =>
      new Promise((resolve) => {
        process.on("message", (order) => take(order as WorkerOrder));
        process.once("disconnect", resolve);
      }),
  });
  if (process.connected) process.disconnect?.();
}
