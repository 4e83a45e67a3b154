// The worker processes as the main process sees them: it starts them, keeps what they report,
// kills one on purpose and starts it again. Always true: when close() resolves no worker is left;
// a worker that ends without being told to makes `failure` resolve.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { CallLog } from "./call-log.ts";
import type { WorkerOrder, WorkerReport } from "./worker-protocol.ts";

/** Starts a process that runs runEnrichmentWorker() and has a channel to its parent. */
export type ForkWorker = () => ChildProcess;

/** How the workers are started. */
export interface WorkerPoolOptions {
  readonly fork: ForkWorker;
  readonly directory: string;
  readonly lookupMsMax: number;
  /** See the "start" order; only workers of the first generation hang. */
  readonly hangFromCall: number | undefined;
}

/** One worker process. */
export interface Worker {
  readonly name: string;
  readonly pid: number;
  /** Deliveries that its handler was called for. */
  readonly called: ReadonlySet<string>;
}

interface RunningWorker extends Worker {
  readonly child: ChildProcess;
  readonly called: Set<string>;
  readonly ready: PromiseWithResolvers<void>;
  readonly ended: Promise<unknown>;
  /** Whether its end is expected. */
  leaving: boolean;
}

/** The worker processes of the demo. */
export class WorkerPool {
  /** The calls of all workers together. */
  readonly log = new CallLog();
  /** Resolves when a worker fails. */
  readonly failure: Promise<SpillwayError>;
  readonly #options: WorkerPoolOptions;
  readonly #workers = new Map<string, RunningWorker>();
  readonly #fail: (error: SpillwayError) => void;
  readonly #hanging = Promise.withResolvers<Worker>();

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<SpillwayError>();
    this.failure = promise;
    this.#fail = resolve;
  }

  /** The first worker whose look-ups hang; it can be killed with deliveries in its hands. */
  get firstHanging(): Promise<Worker> {
    return this.#hanging.promise;
  }

  /** Starts a worker and resolves when it reads. */
  async start(name: string, hangs: boolean): Promise<void> {
    const { fork, directory, lookupMsMax, hangFromCall } = this.#options;
    const child = fork();
    const worker: RunningWorker = {
      name,
      pid: child.pid ?? 0,
      child,
      called: new Set(),
      ready: Promise.withResolvers<void>(),
      ended: once(child, "exit"),
      leaving: false,
    };
    this.#workers.set(name, worker);
    child.on("message", (report) => this.#take(worker, report as WorkerReport));
    child.once("error", (error) => this.#failed(worker, error.message));
    child.once("exit", (code, signal) => {
      if (!worker.leaving) this.#failed(worker, `it ended with ${signal ?? code}`);
    });
    this.#send(worker, {
      kind: "start",
      worker: name,
      directory,
      lookupMsMax,
      hangFromCall: hangs ? hangFromCall : undefined,
    });
    await Promise.race([worker.ready.promise, this.failure.then((error) => Promise.reject(error))]);
  }

  /** Ends a worker without any warning, as a crash would; resolves when it is gone. */
  async kill(name: string): Promise<void> {
    const worker = this.#workers.get(name);
    if (worker === undefined) return;
    worker.leaving = true;
    this.#workers.delete(name);
    worker.child.kill("SIGKILL");
    await worker.ended;
  }

  /** Lets look-ups that hang go on. */
  goOn(): void {
    for (const worker of this.#workers.values()) this.#send(worker, { kind: "go-on" });
  }

  /** Lets every worker finish what is in its hands, and waits for their ends. */
  async close(): Promise<void> {
    const workers = [...this.#workers.values()];
    for (const worker of workers) {
      worker.leaving = true;
      this.#send(worker, { kind: "drain" });
    }
    await Promise.all(workers.map((worker) => worker.ended));
    this.#workers.clear();
  }

  #send(worker: RunningWorker, order: WorkerOrder): void {
    // A worker that is gone already reports that by its exit.
    if (worker.child.connected) worker.child.send(order, () => undefined);
  }

  #take(worker: RunningWorker, report: WorkerReport): void {
    switch (report.kind) {
      case "ready":
        return worker.ready.resolve();
      case "called":
        for (const [id, attempt] of report.calls) {
          worker.called.add(id);
          this.log.called(id, attempt);
        }
        return;
      case "hanging":
        return this.#hanging.resolve(worker);
      case "drained":
        return;
      case "failed":
        this.#failed(worker, `${report.code}: ${report.message}`);
    }
  }

  #failed(worker: RunningWorker, reason: string): void {
    this.#fail(
      new SpillwayError("HANDLER_FAILED", `worker '${worker.name}' failed: ${reason}`, {
        details: { worker: worker.name, pid: worker.pid },
      }),
    );
  }
}
