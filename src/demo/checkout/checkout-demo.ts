// The demo from start to end: opens bank and carrier, starts the services of both sides, lets the
// same customers come to both, lets things go wrong, waits until everything is settled, and makes
// the ledger. It prints nothing: whoever runs it reads its numbers and is told what happens. Always
// true: run() ends with a ledger, also after Ctrl-C, and leaves no process behind.
import { join } from "node:path";
import { delay } from "../../kernel/clock.ts";
import { type Random, seededRandom } from "../../kernel/random.ts";
import type { CheckoutOptions } from "./checkout-options.ts";
import { type FaultKey, Faults } from "./faults.ts";
import { type CheckoutResult, type SideResult, sideResult } from "./checkout-result.ts";
import { countOpenOrders, readSyncRecords } from "./ledger/sync-records.ts";
import { type ArrivalsEnd, arrive } from "./orders/arrivals.ts";
import { CustomerLog } from "./orders/customer-log.ts";
import { Customers } from "./orders/customers.ts";
import { type Order, ordersMax } from "./orders/order.ts";
import { generatedOrders } from "./orders/order-generator.ts";
import { OutsideWorld } from "./outside/outside-world.ts";
import { ShopJournal } from "./shop-journal.ts";
import { untilSettled } from "./settling.ts";
import { type ServiceProcess, Side } from "./side.ts";
import type { SideName } from "./side-name.ts";
import { timeOutsOf } from "./time-outs.ts";
import { SideSnapshots, type SideView } from "./side-snapshot.ts";

/** How often the numbers are read. */
const sampleMs = 250;

/** What the demo is doing. */
export type CheckoutPhase = "starting" | "open" | "settling" | "ledger";

/** What is shown while it runs. */
export interface CheckoutView {
  readonly phase: CheckoutPhase;
  /** Customers who have come. */
  readonly sent: number;
  readonly elapsedMs: number;
  /** Since the shop opened. */
  readonly openMs: number;
  readonly sides: readonly SideView[];
}

/** One run of the demo. */
export class CheckoutDemo {
  readonly #options: CheckoutOptions;
  readonly #startMs: number;
  readonly #world: OutsideWorld;
  readonly #log: CustomerLog;
  readonly #faults: Faults;
  #phase: CheckoutPhase = "starting";
  #sides: readonly Side[] = [];
  #snapshots: readonly SideSnapshots[] = [];
  #journal: ShopJournal | undefined;
  /** By order: when its customer came. */
  readonly #cameMs = new Map<string, number>();
  #killed = 0;
  #openedMs = 0;
  readonly #settling = new Map<SideName, number>();
  readonly #over = new AbortController();

  constructor(options: CheckoutOptions) {
    const { clock, seed, seconds, slow, crash, kills, chaosSeed } = options;
    this.#options = options;
    this.#startMs = clock.monotonicMs();
    this.#world = new OutsideWorld(clock, seed);
    this.#log = new CustomerLog(options.directory);
    this.#faults = new Faults({
      clock,
      random: this.#chance("faults"),
      mood: this.#world.mood,
      durationMs: seconds * 1_000,
      slow,
      crash,
      kills,
      chaos: chaosSeed !== undefined,
      calm: () => this.#sides.forEach((side) => side.calm()),
      crashProcess: (process) => this.#crash(process),
      tell: (event) => options.onEvent(event),
    });
  }

  /** The numbers as of now. */
  view(): CheckoutView {
    const nowMs = this.#options.clock.monotonicMs();
    return {
      phase: this.#phase,
      sent: this.#cameMs.size,
      elapsedMs: nowMs - this.#startMs,
      openMs: this.#openedMs === 0 ? 0 : nowMs - this.#openedMs,
      sides: this.#snapshots.map(({ view }) => view),
    };
  }

  /** Makes something go wrong. */
  press(key: FaultKey): void {
    if (this.#phase === "open") this.#faults.press(key);
  }

  /** Runs to the ledger. Rejects when a service cannot work at all. */
  async run(): Promise<CheckoutResult> {
    const { clock, random, directory, sides } = this.#options;
    const outsidePort = await this.#world.listen();
    try {
      if (sides.includes("spillway")) {
        this.#journal = await ShopJournal.open(join(directory, "journal"), clock, random);
      }
      this.#sides = sides.map((side) => this.#makeSide(side, outsidePort));
      return await this.#runSides();
    } finally {
      // Also after a failure nobody comes any more, and nothing is killed.
      this.#over.abort();
      await Promise.all(this.#sides.map((side) => side.close()));
      await this.#journal?.close();
      await this.#world.close();
    }
  }

  async #runSides(): Promise<CheckoutResult> {
    const { clock, signal, onEvent } = this.#options;
    const failed = Promise.race(this.#sides.map((side) => side.failed));
    failed.catch(() => undefined);
    await Promise.race([Promise.all(this.#sides.map((side) => side.start())), failed]);
    this.#openedMs = clock.monotonicMs();
    this.#snapshots = this.#sides.map((side) => new SideSnapshots(side, this.#openedMs));
    this.#phase = "open";
    onEvent({ mood: "neutral", text: "the shop is open" });
    this.#tellChaos();
    const closed = new AbortController();
    // Where the time is over, whatever was planned within it happens, however late it is.
    const open = this.#letCustomersCome().then((end) => end !== "time" && closed.abort());
    const plan = this.#faults.runPlan(AbortSignal.any([closed.signal, this.#over.signal]));
    await Promise.race([this.#sampleUntil(Promise.all([open, plan])), failed]);
    this.#phase = "settling";
    const why = signal.aborted ? "interrupted: settling what was accepted" : "the shop has closed";
    onEvent({ mood: "neutral", text: why });
    await Promise.race([this.#faults.end(), failed]);
    await Promise.race([this.#sampleUntil(this.#settle()), failed]);
    await Promise.all(this.#sides.map((side) => side.close()));
    this.#phase = "ledger";
    return this.#result();
  }

  #tellChaos(): void {
    const { chaosSeed, onEvent } = this.#options;
    if (chaosSeed === undefined) return;
    const text = `chaos (seed ${chaosSeed}): a tenth of the handler calls on the right goes wrong`;
    onEvent({ mood: "bad", text });
  }

  #letCustomersCome(): Promise<ArrivalsEnd> {
    const { clock, perSecond, seconds, seed, orders } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#over.signal]);
    const arrivals = {
      clock,
      random: this.#chance("arrivals"),
      source: orders ?? generatedOrders(this.#chance("orders"), `order-${seed}`),
      perSecond,
      ordersMax,
      signal,
      floodFactor: () => this.#faults.floodFactor,
      onOrder: (order: Order) => {
        this.#log.ordered(order);
        this.#cameMs.set(order.id, clock.monotonicMs());
        for (const side of this.#sides) void side.customers.order(order);
      },
    };
    return arrive(arrivals, seconds * 1_000);
  }

  /** Reads the numbers again and again until `work` is done. */
  async #sampleUntil(work: Promise<unknown>): Promise<void> {
    let isDone = false;
    const finished = work.finally(() => (isDone = true));
    finished.catch(() => undefined);
    while (!isDone) {
      await this.#sample();
      await Promise.race([finished, delay(this.#options.clock, sampleMs)]);
    }
    await finished;
    await this.#sample();
  }

  async #sample(): Promise<void> {
    const depth = await this.#journal?.depth();
    const nowMs = this.#options.clock.monotonicMs();
    for (const [index, { name, outside }] of this.#sides.entries()) {
      const isRight = name === "spillway";
      const ended = isRight ? (depth?.ended ?? 0) : outside.carrier.parcels.size;
      this.#snapshots[index]?.add(nowMs, isRight ? (depth?.unsettled ?? 0) : 0, ended);
    }
    this.#options.onSample();
  }

  /** Waits until no customer waits and nothing is left to do. */
  async #settle(): Promise<void> {
    const { clock, patience, directory, onEvent: tell } = this.#options;
    const startMs = clock.monotonicMs();
    const unsettledOf: Readonly<Record<SideName, () => number | Promise<number>>> = {
      sync: () => countOpenOrders(directory, clock),
      spillway: async () => (await this.#journal?.depth())?.unsettled ?? 0,
    };
    await Promise.all(
      this.#sides.map(async ({ name, customers }) => {
        await customers.settled(sampleMs);
        await untilSettled({ clock, patience, unsettled: unsettledOf[name], tell });
        this.#settling.set(name, (clock.monotonicMs() - startMs) / 1_000);
      }),
    );
  }

  async #crash(process: ServiceProcess): Promise<void> {
    const { onEvent } = this.#options;
    const { name } = process;
    let killed = 0;
    await Promise.all(
      this.#sides.map((side) =>
        side.crash(process, () => {
          killed++;
          this.#killed++;
          if (killed > 1) return;
          onEvent({ mood: "bad", text: `${name} was killed (kill -9), on every side` });
        }),
      ),
    ).catch(() => undefined);
    if (killed > 0) onEvent({ mood: "good", text: `${name} runs again` });
  }

  async #result(): Promise<CheckoutResult> {
    const { clock, directory, signal } = this.#options;
    const sent = this.#log.read();
    const sides: SideResult[] = [];
    for (const side of this.#sides) {
      const { name } = side;
      const recorded =
        name === "sync" ? readSyncRecords(directory, clock) : await this.#journal?.records();
      if (recorded === undefined) continue;
      const settlingSeconds = this.#settling.get(name) ?? 0;
      sides.push(sideResult(side, { sent, cameMs: this.#cameMs, recorded, settlingSeconds }));
    }
    return {
      sent: this.#cameMs.size,
      sides,
      killed: this.#killed,
      interrupted: signal.aborted,
      seconds: (clock.monotonicMs() - this.#startMs) / 1_000,
    };
  }

  #makeSide(side: SideName, outsidePort: number): Side {
    const { clock, random, fork, directory, patience, chaosSeed } = this.#options;
    const timeoutMs = timeOutsOf(patience).customer;
    return new Side({
      side,
      clock,
      fork,
      directory: side === "spillway" ? join(directory, "journal") : directory,
      outsidePort,
      patience,
      chaosSeed: side === "spillway" ? chaosSeed : undefined,
      outside: this.#world.of(side),
      customers: new Customers({ clock, random, side, log: this.#log, timeoutMs }),
    });
  }

  /** A stream of chance of its own for each purpose, so that none depends on another. */
  #chance(purpose: "orders" | "arrivals" | "faults"): Random {
    const offset = { orders: 1, arrivals: 2, faults: 3 }[purpose];
    return seededRandom(Math.imul(this.#options.seed ^ (offset * 0x9e3779b1), 0x85ebca6b));
  }
}
