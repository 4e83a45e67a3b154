// The enrichment workers as the main process sees them: processes, and what they report of their
// calls. Always true: when close() resolves no worker is left; a worker that ends without being
// told to makes `failure` resolve.
import type { SpillwayError } from "../../errors/spillway-error.ts";
import { type DemoProcess, type ForkProcess, ProcessPool } from "../stage/process-pool.ts";
import { CallLog } from "./call-log.ts";
import type { WorkerOrder, WorkerReport } from "./worker-protocol.ts";

/** How the workers are started. */
export interface WorkerPoolOptions {
  /** Starts a process that runs runEnrichmentWorker(). */
  readonly fork: ForkProcess;
  readonly directory: string;
  readonly lookupMsMax: number;
  /** See the "start" order; only workers of the first generation hang. */
  readonly hangFromCall: number | undefined;
}

/** One worker process. */
export interface Worker extends DemoProcess {
  /** Deliveries that its handler was called for. */
  readonly called: ReadonlySet<string>;
}

/** The worker processes of the demo. */
export class WorkerPool {
  /** The calls of all workers together. */
  readonly log = new CallLog();
  readonly #options: WorkerPoolOptions;
  readonly #processes: ProcessPool<WorkerOrder, WorkerReport>;
  /** Per process; a worker that is started again begins anew. */
  readonly #called = new Map<number, Set<string>>();
  readonly #hanging = Promise.withResolvers<Worker>();

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#processes = new ProcessPool({
      fork: options.fork,
      noun: "worker",
      take: (process, report) => this.#take(process, report),
    });
  }

  /** Resolves when a worker fails. */
  get failure(): Promise<SpillwayError> {
    return this.#processes.failure;
  }

  /** The first worker whose look-ups hang; it can be killed with deliveries in its hands. */
  get firstHanging(): Promise<Worker> {
    return this.#hanging.promise;
  }

  /** Starts a worker and resolves when it reads. */
  start(name: string, hangs: boolean): Promise<void> {
    const { directory, lookupMsMax, hangFromCall } = this.#options;
    return this.#processes.start(name, {
      kind: "start",
      worker: name,
      directory,
      lookupMsMax,
      hangFromCall: hangs ? hangFromCall : undefined,
    });
  }

  /** Ends a worker without any warning, as a crash would; resolves when it is gone. */
  kill(name: string): Promise<void> {
    return this.#processes.kill(name);
  }

  /** Lets look-ups that hang go on. */
  goOn(): void {
    this.#processes.tellAll({ kind: "go-on" });
  }

  /** Lets every worker finish what is in its hands, and waits for their ends. */
  close(): Promise<void> {
    return this.#processes.close({ kind: "drain" });
  }

  #take(process: DemoProcess, report: WorkerReport): void {
    if (report.kind === "called") {
      const called = this.#calledOf(process);
      for (const [id, attempt] of report.calls) {
        called.add(id);
        this.log.called(id, attempt);
      }
    } else if (report.kind === "hanging") {
      const { name, pid } = process;
      this.#hanging.resolve({ name, pid, called: this.#calledOf(process) });
    }
  }

  #calledOf(process: DemoProcess): Set<string> {
    const called = this.#called.get(process.pid) ?? new Set();
    this.#called.set(process.pid, called);
    return called;
  }
}
