// One enrichment worker: a process of its own that competes with others of its group for
// deliveries, looks up what else is known, and records it as an event in the unit that
// acknowledges the delivery. It is told what to do by the main process and ends with it. Always
// true: SIGINT does not end it, because Ctrl-C reaches every process of the terminal and only the
// main one decides.
import { embedded } from "../../adapters/embedded/index.ts";
import type { Bus } from "../../bus/bus.ts";
import { createBus } from "../../bus/create-bus.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { delay } from "../../kernel/clock.ts";
import type { ProcessHost } from "../stage/process-host.ts";
import { DeliveryEnriched, enriched } from "./effect-contracts.ts";
import { deliveryChannelNames, deliveryChannels } from "./github-contracts.ts";
import type { WorkerOrder, WorkerReport } from "./worker-protocol.ts";

/** Deliveries that one worker handles at once, on each channel. */
export const workerConcurrency = 16;
/** Calls are reported together, after so many milliseconds or so many calls. */
const reportAfterMs = 20;
const reportCallsMax = 64;

/** What a worker process is given by its composition root. */
export type WorkerHost = ProcessHost<WorkerOrder, WorkerReport>;

type StartOrder = Extract<WorkerOrder, { kind: "start" }>;

/** Runs until it is told to drain, or until the main process has gone. */
export async function runEnrichmentWorker(host: WorkerHost): Promise<void> {
  let worker: EnrichmentWorker | undefined;
  let starting: Promise<void> | undefined;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const gone = host.orders((order) => {
    if (order.kind === "start") {
      worker = new EnrichmentWorker(host, order);
      starting = worker.start().catch(fail);
    } else if (order.kind === "go-on") worker?.goOn();
    else worker?.drain().then(end, fail);
  });
  const fail = (error: unknown): void => {
    const code = error instanceof SpillwayError ? error.code : "UNEXPECTED";
    const message = error instanceof Error ? error.message : String(error);
    host.send({ kind: "failed", code, message });
    end();
  };
  await Promise.race([ended, gone]);
  // What is still being started would live on for good.
  await starting;
  await worker?.close();
}

class EnrichmentWorker {
  readonly #host: WorkerHost;
  readonly #order: StartOrder;
  readonly #hanging = Promise.withResolvers<void>();
  #bus: Bus | undefined;
  #calls = 0;
  #unreported: (readonly [string, number])[] = [];

  constructor(host: WorkerHost, order: StartOrder) {
    this.#host = host;
    this.#order = order;
    if (order.hangFromCall === undefined) this.#hanging.resolve();
  }

  async start(): Promise<void> {
    const { clock, random } = this.#host;
    const bus = await createBus({
      name: this.#order.worker,
      transport: embedded({ directory: this.#order.directory }),
      channels: [...Object.values(deliveryChannels), enriched],
      shutdownSignals: [],
      clock,
      random,
    });
    this.#bus = bus;
    const options = { group: "enrichment", order: "none", concurrency: workerConcurrency } as const;
    for (const name of deliveryChannelNames) {
      await bus.subscribe(deliveryChannels[name], options, async (message, { attempt, signal }) => {
        this.#note(message.id, attempt);
        await this.#lookUp(signal);
        return DeliveryEnriched.message({
          delivery: message.id,
          subject: message.key ?? "",
          label: message.type.replace("com.github.", "").replaceAll("_", " "),
          worker: this.#order.worker,
        });
      });
    }
    this.#host.send({ kind: "ready" });
  }

  goOn(): void {
    this.#hanging.resolve();
  }

  async drain(): Promise<void> {
    this.goOn();
    await this.close();
    this.#report();
    this.#host.send({ kind: "drained" });
  }

  async close(): Promise<void> {
    this.goOn();
    await this.#bus?.close();
  }

  async #lookUp(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#host;
    const { hangFromCall, lookupMsMax } = this.#order;
    if (hangFromCall !== undefined && this.#calls >= hangFromCall) await this.#hanging.promise;
    if (lookupMsMax > 0) await delay(clock, random.float() * lookupMsMax, signal);
  }

  #note(id: string, attempt: number): void {
    this.#calls++;
    this.#unreported.push([id, attempt]);
    if (this.#calls === this.#order.hangFromCall) {
      this.#report();
      this.#host.send({ kind: "hanging" });
    } else if (this.#unreported.length >= reportCallsMax) this.#report();
    else if (this.#unreported.length === 1) {
      this.#host.clock.after(reportAfterMs, () => this.#report());
    }
  }

  #report(): void {
    if (this.#unreported.length === 0) return;
    this.#host.send({ kind: "called", calls: this.#unreported });
    this.#unreported = [];
  }
}
