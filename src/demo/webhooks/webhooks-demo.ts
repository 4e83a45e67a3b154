// The demo from start to end: opens a journal, starts services and workers, lets the receiver
// replay, kills a worker if asked, waits until everything is settled, and makes the ledger. It
// prints nothing: whoever runs it reads its numbers and is told what happens. Always true: run()
// ends with a ledger, also after Ctrl-C, and leaves no process behind.
import { embedded } from "../../adapters/embedded/index.ts";
import type { Bus } from "../../bus/bus.ts";
import { createBus } from "../../bus/create-bus.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { delay } from "../../kernel/clock.ts";
import { type CrashReport, crashOneWorker, provesSomething } from "./crash.ts";
import { DeliveryLog } from "./delivery-log.ts";
import { type DemoServices, makeLedger } from "./demo-ledger.ts";
import type { DemoOptions } from "./demo-options.ts";
import { type DemoNumbers, DemoSnapshots } from "./demo-snapshot.ts";
import { Downstream } from "./downstream.ts";
import { enriched, notifications } from "./effect-contracts.ts";
import { contractByEvent, deliveryChannels } from "./github-contracts.ts";
import { isBalanced, type LedgerLine } from "./ledger.ts";
import { Receiver } from "./receiver.ts";
import { type RecordedDelivery, readRecordedDeliveries } from "./recorded-deliveries.ts";
import { notifierChannels, startAudit, startNotifier, startReadModel } from "./services.ts";
import { WorkerPool } from "./worker-pool.ts";

/** Worker processes that compete. */
export const workersCount = 2;
/** Share of the notifications after which the chat service goes down. */
const outageShare = 0.2;
/** Without progress for so long the demo stops waiting, and the ledger shows what is missing. */
const stuckMs = 60_000;

/** What the demo is doing. */
export type DemoPhase = "starting" | "receiving" | "draining" | "ledger";

/** What is shown while it runs. */
export interface DemoView extends DemoNumbers {
  readonly phase: DemoPhase;
  readonly received: number;
  readonly total: number;
  readonly repeats: number;
  readonly elapsedMs: number;
}

/** How it ended. */
export interface DemoResult {
  /** Deliveries received in this run. */
  readonly received: number;
  /** Repeats by their senders, which were recognized. */
  readonly repeats: number;
  readonly lines: readonly LedgerLine[];
  /** Deliveries that the read model handled after a later one of the same repository. */
  readonly disordered: number;
  readonly crash: CrashReport | undefined;
  readonly interrupted: boolean;
  readonly balanced: boolean;
  readonly seconds: number;
}

/** One run of the demo. */
export class WebhooksDemo {
  readonly #options: DemoOptions;
  readonly #deliveries: readonly RecordedDelivery[];
  readonly #pool: WorkerPool;
  readonly #startMs: number;
  #phase: DemoPhase = "starting";
  #receiver: Receiver | undefined;
  #snapshots: DemoSnapshots | undefined;
  #crash: CrashReport | undefined;

  constructor(options: DemoOptions) {
    this.#options = options;
    this.#deliveries = readRecordedDeliveries();
    this.#startMs = options.clock.monotonicMs();
    this.#pool = new WorkerPool({
      fork: options.fork,
      directory: options.directory,
      lookupMsMax: options.pace.lookupMsMax,
      hangFromCall: options.pace.hangFromCall,
    });
  }

  /** The numbers as of now. */
  view(): DemoView {
    return {
      phase: this.#phase,
      received: this.#receiver?.received ?? 0,
      repeats: this.#receiver?.repeats ?? 0,
      total: this.#deliveries.length * this.#options.loops,
      elapsedMs: this.#options.clock.monotonicMs() - this.#startMs,
      ...(this.#snapshots?.numbers ?? { channels: [], groups: [] }),
    };
  }

  /** Runs to the ledger. Rejects when a service or worker cannot work at all. */
  async run(): Promise<DemoResult> {
    const { clock, random, directory } = this.#options;
    const log = new DeliveryLog(directory);
    const bus = await createBus({
      name: "webhooks-demo",
      transport: embedded({ directory }),
      channels: [...Object.values(deliveryChannels), notifications, enriched],
      // The demo decides itself when it ends: what was received is settled first.
      shutdownSignals: [],
      clock,
      random,
    });
    try {
      return await this.#runOn(bus, log);
    } finally {
      await this.#pool.close();
      await bus.close();
    }
  }

  async #runOn(bus: Bus, log: DeliveryLog): Promise<DemoResult> {
    const services = await this.#startServices(bus);
    const { clock, random, seed, loops, perSecond, signal } = this.#options;
    this.#snapshots = new DemoSnapshots({
      audit: services.audit.log,
      "read-model": services.readModel.log,
      notifier: services.notifier.log,
      enrichment: services.workers.log,
    });
    const receiver = new Receiver({
      bus,
      log,
      clock,
      random,
      seed,
      deliveries: this.#deliveries,
      loops,
      perSecond,
      signal,
    });
    this.#receiver = receiver;
    this.#phase = "receiving";
    const failed = this.#pool.failure.then((error) => Promise.reject(error));
    // It is raced below; once nobody races any more, a late failure changes nothing.
    failed.catch(() => undefined);
    const work = Promise.all([receiver.run(), this.#crashIfAsked(bus)]);
    await Promise.race([this.#sampleUntil(bus, work), failed]);
    this.#phase = "draining";
    if (signal.aborted) this.#tell("neutral", "interrupted: settling what was received");
    await Promise.race([this.#settle(bus), failed]);
    await this.#pool.close();
    this.#phase = "ledger";
    const result = await this.#result(bus, log, services, receiver);
    await Promise.all([
      services.audit.close(),
      services.readModel.close(),
      services.notifier.close(),
    ]);
    return result;
  }

  async #startServices(bus: Bus): Promise<DemoServices> {
    const { clock, seed, loops, pace, crash } = this.#options;
    const notified = this.#deliveries.filter(({ event }) => {
      const channel = contractByEvent.get(event)?.channel;
      return channel !== undefined && notifierChannels.includes(channel);
    }).length;
    const downstream = new Downstream({
      clock,
      seed,
      outageAtCall: Math.ceil(notified * loops * outageShare),
      outageMs: pace.outageMs,
      callMs: pace.chatCallMs,
      onChange: (up) => {
        if (up) this.#tell("good", "the notifier's chat service is back");
        else this.#tell("bad", "the notifier's chat service is down: every call fails");
      },
    });
    const names = Array.from({ length: workersCount }, (_, index) => `worker-${index + 1}`);
    const [audit, readModel, notifier] = await Promise.all([
      startAudit(bus),
      startReadModel(bus),
      startNotifier(bus, downstream, pace.retry),
      ...names.map((name) => this.#pool.start(name, crash)),
    ]);
    this.#tell("neutral", `${names.join(" and ")} run as processes of their own`);
    return { audit, readModel, notifier, workers: this.#pool };
  }

  async #crashIfAsked(bus: Bus): Promise<void> {
    const { clock, crash, signal } = this.#options;
    if (!crash) return;
    this.#crash = await crashOneWorker(bus, this.#pool, clock, signal);
    this.#pool.goOn();
    if (this.#crash === undefined) return;
    const { worker, pid, given, unsettled } = this.#crash;
    const held = `with ${unsettled} unsettled of ${given} that it was given`;
    this.#tell("bad", `${worker} (pid ${pid}) was killed ${held}`);
    await this.#pool.start(worker, false);
    this.#tell("good", `${worker} runs again`);
  }

  /** Reads the numbers again and again until `work` is done. */
  async #sampleUntil(bus: Bus, work: Promise<unknown>): Promise<void> {
    let done = false;
    const finished = work.finally(() => (done = true));
    finished.catch(() => undefined);
    while (!done) {
      await this.#sample(bus);
      await Promise.race([finished, delay(this.#options.clock, this.#options.pace.sampleMs)]);
    }
    await finished;
  }

  async #sample(bus: Bus): Promise<void> {
    this.#snapshots?.add(await bus.stats(), this.#options.clock.monotonicMs());
    this.#options.onSample();
  }

  /** Waits until every group has settled everything. */
  async #settle(bus: Bus): Promise<void> {
    const { clock, pace } = this.#options;
    let before = "";
    let movedMs = clock.monotonicMs();
    for (;;) {
      await this.#sample(bus);
      if (this.#snapshots?.unsettled === 0) return;
      const now = JSON.stringify(this.#snapshots?.numbers.groups.map((group) => group.settled));
      if (now !== before) movedMs = clock.monotonicMs();
      before = now;
      if (clock.monotonicMs() - movedMs > stuckMs) {
        return this.#tell(
          "bad",
          `nothing was settled for ${stuckMs / 1_000} s: not waiting longer`,
        );
      }
      await delay(clock, pace.sampleMs);
    }
  }

  async #result(
    bus: Bus,
    log: DeliveryLog,
    services: DemoServices,
    receiver: Receiver,
  ): Promise<DemoResult> {
    const lines = await makeLedger(bus, log.read(), services);
    const disordered = await services.readModel.disordered();
    const { signal } = this.#options;
    this.#assertCrashProved();
    return {
      received: receiver.received,
      repeats: receiver.repeats,
      lines,
      disordered,
      crash: this.#crash,
      interrupted: signal.aborted,
      balanced: isBalanced(lines) && disordered === 0,
      seconds: (this.#options.clock.monotonicMs() - this.#startMs) / 1_000,
    };
  }

  #assertCrashProved(): void {
    const { crash, signal } = this.#options;
    if (!crash || signal.aborted) return;
    const { unsettled, given } = this.#crash ?? { unsettled: 0, given: 0 };
    if (provesSomething(unsettled, given)) return;
    throw new SpillwayError(
      "HANDLER_FAILED",
      `the crash proved nothing: of ${given} given, ${unsettled} unsettled`,
      { details: { unsettled, given } },
    );
  }

  #tell(mood: "neutral" | "good" | "bad", text: string): void {
    this.#options.onEvent({ mood, text });
  }
}
