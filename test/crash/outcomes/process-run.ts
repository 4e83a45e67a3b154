// The services of one process: all begin together; long waits end, and what is parked is released,
// only when none of them does anything by itself any more.
import { setTimeout as pauseFor } from "node:timers/promises";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type Bus, createBus, type GroupStatistics, type Transport } from "spillway";
import type { CircuitDiagnostics } from "../../../src/telemetry/channels.ts";
import type { Point, Service } from "./combinations.ts";
import { allWork, done, type Note, Work, work } from "./messages.ts";
import { RunningService } from "./running-service.ts";
import { SkippingClock } from "./skipping-clock.ts";

const pollMs = 10;
/** How often is looked before a run counts as stuck. */
const pollsMax = 5_000;

/** What a process is told. */
export interface ProcessOptions {
  readonly transport: Transport;
  readonly services: readonly Service[];
  /** Where each service stops; "never": it runs to its end. */
  readonly point: Point;
  /** 1, or 2 after the kill. */
  readonly life: number;
  note(note: Note): void;
}

/** See the head of this file. */
export class ProcessRun {
  readonly bus: Bus;
  readonly #clock: SkippingClock;
  readonly #running: ReadonlyMap<string, RunningService>;
  readonly #onCircuit: (message: unknown) => void;

  private constructor(
    bus: Bus,
    clock: SkippingClock,
    running: ReadonlyMap<string, RunningService>,
    onCircuit: (message: unknown) => void,
  ) {
    this.bus = bus;
    this.#clock = clock;
    this.#running = running;
    this.#onCircuit = onCircuit;
  }

  /** Publishes the messages, if it is the first process, and subscribes all services. */
  static async start(options: ProcessOptions): Promise<ProcessRun> {
    const { transport, services, point, life, note } = options;
    const running = new Map<string, RunningService>();
    for (const service of services) {
      const tell = (told: object): void => note({ service: service.name, life, ...told } as Note);
      running.set(service.name, new RunningService(service, point, tell));
    }
    const consume = transport.consume.bind(transport);
    transport.consume = async (asked) => {
      const consumer = await consume(asked);
      if (asked.channel === work.name) running.get(asked.group)?.watch(consumer);
      return consumer;
    };
    const onCircuit = (message: unknown): void => {
      const { group, state } = message as CircuitDiagnostics;
      note({ service: group, life, kind: "circuit", state });
    };
    subscribe("spillway:circuit", onCircuit);
    const clock = new SkippingClock();
    const bus = await createBus({ name: "outcomes", transport, clock, channels: [work, done] });
    if (life === 1) await bus.publishMany(Work, allWork);
    for (const service of running.values()) await service.subscribe(bus);
    return new ProcessRun(bus, clock, running, onCircuit);
  }

  /** Resolves when every service stands at the crash point. */
  arrived(): Promise<void> {
    return this.#until((service, stats) => service.hasArrived(stats));
  }

  /** Resolves when every service is through, and closed. */
  async ended(): Promise<void> {
    await this.#until((_, { depth }) => depth === 0);
    for (const service of this.#running.values()) await service.close();
    unsubscribe("spillway:circuit", this.#onCircuit);
  }

  async #until(holds: (service: RunningService, stats: GroupStatistics) => boolean): Promise<void> {
    let stuck = "";
    for (let poll = 0; poll < pollsMax; poll++) {
      const standing = await this.#standing();
      if (standing.every(([service, stats]) => holds(service, stats))) return;
      if (standing.every(([service, stats]) => service.isQuiet(stats))) {
        for (const [service] of standing) service.letGo();
        this.#clock.skip();
      }
      const behind = standing.filter(([service, stats]) => !holds(service, stats));
      stuck = behind.map(([{ service }, { depth }]) => `${service.name} (${depth})`).join();
      await pauseFor(pollMs);
    }
    throw new Error(`stuck, with the number of messages that wait: ${stuck}`);
  }

  async #standing(): Promise<(readonly [RunningService, GroupStatistics])[]> {
    const { channels } = await this.bus.stats();
    const groups = channels.find(({ channel }) => channel === work.name)?.groups ?? [];
    return groups.flatMap((stats) => {
      const service = this.#running.get(stats.group);
      return service === undefined ? [] : [[service, stats] as const];
    });
  }
}
