// Starts the threads of this adapter. Always true: the file beside this one is found in the sources
// (.ts) as in the build (.js), however the process itself was started.
import { Worker } from "node:worker_threads";

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** Where the thread's code is; `file` is its name without extension. */
export function threadUrl(file: string): URL {
  return new URL(`./${file}.${extension}`, import.meta.url);
}

/** Starts a thread with data of its own; `name` is what debuggers and profilers show. */
export function startThread(url: URL, name: string, workerData: unknown): Worker {
  // A script given on the command line says of itself what it is; that cannot be said of a file.
  const ofText = process.execArgv.some((word) => word.startsWith("--input-type"));
  return new Worker(url, { name, workerData, ...(ofText ? { execArgv: [] } : {}) });
}
