// Starts threads. Always true: the file that a thread runs is found in the sources (.ts) as in the
// build (.js), however the process itself was started.
import { Worker, type WorkerOptions } from "node:worker_threads";

/** The file `name`, without extension, beside the module of this `import.meta.url`. */
export function threadUrl(moduleUrl: string, name: string): URL {
  const extension = moduleUrl.endsWith(".ts") ? "ts" : "js";
  return new URL(`./${name}.${extension}`, moduleUrl);
}

/** Starts a thread; `name` is what debuggers and profilers show. */
export function startThread(
  url: URL,
  name: string,
  options: Pick<WorkerOptions, "workerData" | "resourceLimits">,
): Worker {
  // A script given on the command line says of itself what it is; that cannot be said of a file.
  const ofText = process.execArgv.some((word) => word.startsWith("--input-type"));
  return new Worker(url, { name, ...options, ...(ofText ? { execArgv: [] } : {}) });
}
