// One life of a simulated process: its clock, its engine of now, its transport and its bus. Knows
// nothing of faults and programs. Always true: once it has ended nothing of it runs, and none of
// its connections is open.
import type { EmbeddedOptions } from "../../adapters/embedded/options.ts";
import { resolveOptions } from "../../adapters/embedded/options.ts";
import { EmbeddedTransport } from "../../adapters/embedded/transport/embedded-transport.ts";
import type { Bus } from "../../bus/bus.ts";
import { createBus } from "../../bus/create-bus.ts";
import type { Clock } from "../../kernel/clock.ts";
import { type Random, seededRandom } from "../../kernel/random.ts";
import type { Channels } from "./contracts.ts";
import { ProcessClock } from "./process-clock.ts";
import { type EngineSteps, SimulatedEngine } from "./simulated-engine.ts";

/** What a life is made of. */
export interface LifeOfProcess {
  /** The process; its lives have the same number. */
  readonly number: number;
  /** 1, 2, 3 …, over all processes. */
  readonly life: number;
  readonly seed: number;
  readonly world: Clock;
  readonly wallOffsetMs: number;
  readonly journal: EmbeddedOptions;
  readonly steps: EngineSteps;
}

/** See the head of this file. */
export class SimulatedProcess {
  readonly number: number;
  /** Its name in the history: each life is another member. */
  readonly name: string;
  /** Where its journal is; a power cut moves what is left of it elsewhere. */
  readonly directory: string;
  readonly bell: string;
  readonly clock: ProcessClock;
  /** When this life began, in virtual time. */
  readonly beganAtMs: number;
  readonly transport: EmbeddedTransport;
  readonly #random: Random;
  #engine: SimulatedEngine | undefined;
  /** Undefined until it is open. */
  bus: Bus | undefined;
  hasEnded = false;

  constructor({ number, life, seed, world, wallOffsetMs, journal, steps }: LifeOfProcess) {
    this.number = number;
    this.name = `p${number}.${life}`;
    this.directory = journal.directory;
    this.bell = `bell-${life}`;
    this.clock = new ProcessClock(world, wallOffsetMs);
    this.beganAtMs = world.monotonicMs();
    this.#random = seededRandom(Math.imul(seed + 1, 0x01000193) ^ life);
    const options = resolveOptions({ ...journal, engine: "direct" });
    const { bell, clock } = this;
    this.transport = new EmbeddedTransport(options, (_, { random }) => {
      this.#engine = new SimulatedEngine({ clock, random, bell, steps });
      return this.#engine;
    });
  }

  /** Opens the bus; rejects as createBus() does. */
  async open(channels: Channels): Promise<Bus> {
    const bus = await createBus({
      name: "simulation",
      transport: this.transport,
      channels: Object.values(channels),
      clock: this.clock,
      random: this.#random,
      shutdownSignals: [],
    });
    this.bus = bus;
    return bus;
  }

  /** Another process committed. */
  ring(): void {
    this.#engine?.ring();
  }

  /** Takes the process behind that bell for dead. */
  suspect(bell: string): void {
    this.#engine?.peerGone(bell);
    this.#engine?.ring();
  }

  /** It is killed. `isCommitting`: within a transaction, which ends by its own failure. */
  end(isCommitting: boolean): void {
    this.hasEnded = true;
    this.clock.end();
    if (!isCommitting) this.#engine?.abandon();
  }
}
