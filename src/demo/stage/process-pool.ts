// The processes of a demo as its main process sees them: it starts them, passes on what they
// report, kills one on purpose and starts it again. It knows nothing of what they do. Always true:
// when close() resolves none is left; one that ends without being told to makes `failure` resolve.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { SpillwayError } from "../../errors/spillway-error.ts";

/** Starts a process of this demo that has a channel to its parent. */
export type ForkProcess = () => ChildProcess;

/** What every process of a demo reports, whatever else it says. */
export type ProcessReport =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

/** One process. */
export interface DemoProcess {
  readonly name: string;
  readonly pid: number;
}

interface RunningProcess extends DemoProcess {
  readonly child: ChildProcess;
  readonly ready: PromiseWithResolvers<void>;
  readonly ended: Promise<unknown>;
  /** Whether its end is expected. */
  leaving: boolean;
}

/** How the processes are started, and who hears what they report. */
export interface ProcessPoolOptions<Report> {
  readonly fork: ForkProcess;
  /** What a process is, in error messages. */
  readonly noun: string;
  take(process: DemoProcess, report: Report): void;
}

/** Processes that are told orders and send reports; both are plain data. */
export class ProcessPool<Order extends object, Report extends { readonly kind: string }> {
  /** Resolves when a process fails. */
  readonly failure: Promise<SpillwayError>;
  readonly #options: ProcessPoolOptions<Report>;
  readonly #processes = new Map<string, RunningProcess>();
  readonly #fail: (error: SpillwayError) => void;

  constructor(options: ProcessPoolOptions<Report>) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<SpillwayError>();
    this.failure = promise;
    this.#fail = resolve;
  }

  /** The processes that run, in the order of their start. */
  get running(): readonly DemoProcess[] {
    return [...this.#processes.values()];
  }

  /** Starts a process, gives it its first order and resolves when it reports to be ready. */
  async start(name: string, order: Order): Promise<void> {
    const child = this.#options.fork();
    const running: RunningProcess = {
      name,
      pid: child.pid ?? 0,
      child,
      ready: Promise.withResolvers<void>(),
      ended: once(child, "exit"),
      leaving: false,
    };
    this.#processes.set(name, running);
    child.on("message", (report) => this.#take(running, report as ProcessReport | Report));
    child.once("error", (error) => this.#failed(running, error.message));
    child.once("exit", (code, signal) => {
      if (!running.leaving) this.#failed(running, `it ended with ${signal ?? code}`);
    });
    this.#send(running, order);
    const failed = this.failure.then((error) => Promise.reject(error));
    await Promise.race([running.ready.promise, running.ended, failed]);
  }

  /** Ends a process without any warning, as a crash would; resolves when it is gone. */
  async kill(name: string): Promise<void> {
    const running = this.#processes.get(name);
    if (running === undefined) return;
    running.leaving = true;
    this.#processes.delete(name);
    running.child.kill("SIGKILL");
    await running.ended;
  }

  /** Tells one process; nobody, when it does not run. */
  tell(name: string, order: Order): void {
    const running = this.#processes.get(name);
    if (running !== undefined) this.#send(running, order);
  }

  /** Tells every process the same. */
  tellAll(order: Order): void {
    for (const running of this.#processes.values()) this.#send(running, order);
  }

  /** Gives these processes (default: all) their last order, and waits for their ends. */
  async close(order: Order, names?: readonly string[]): Promise<void> {
    const leaving = [...this.#processes.values()].filter(
      ({ name }) => names?.includes(name) ?? true,
    );
    for (const running of leaving) {
      running.leaving = true;
      this.#send(running, order);
    }
    await Promise.all(leaving.map((running) => running.ended));
    for (const { name } of leaving) this.#processes.delete(name);
  }

  #send(running: RunningProcess, order: Order): void {
    // A process that is gone already reports that by its exit.
    if (running.child.connected) running.child.send(order, () => undefined);
  }

  #take(running: RunningProcess, report: ProcessReport | Report): void {
    if (report.kind === "failed") {
      const { code, message } = report as Extract<ProcessReport, { kind: "failed" }>;
      return this.#failed(running, `${code}: ${message}`);
    }
    // Whoever listens learns of readiness, too, before start() resolves.
    this.#options.take(running, report as Report);
    if (report.kind === "ready") running.ready.resolve();
  }

  #failed(running: RunningProcess, reason: string): void {
    const { name, pid } = running;
    this.#fail(
      new SpillwayError("HANDLER_FAILED", `${this.#options.noun} '${name}' failed: ${reason}`, {
        details: { [this.#options.noun]: name, pid },
      }),
    );
  }
}
