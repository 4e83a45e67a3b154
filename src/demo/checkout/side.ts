// One side of the demo: the processes of its services, its customers, and its numbers. Both sides
// are this same class; what differs is what runs in the processes. Always true: a killed process is
// started again under its name, and everybody learns where it listens then.
import type { Clock } from "../../kernel/clock.ts";
import { type DemoProcess, type ForkProcess, ProcessPool } from "../stage/process-pool.ts";
import { capacityOf, type ServiceName, serviceNames } from "./capacity.ts";
import type { Customers } from "./orders/customers.ts";
import type { Outside } from "./outside/outside-world.ts";
import type { Peers, ProcessNumbers, ServiceOrder, ServiceReport } from "./service-protocol.ts";
import type { SideName } from "./side-name.ts";

/** What a side is made of. */
export interface SideParts {
  readonly side: SideName;
  readonly clock: Clock;
  readonly fork: ForkProcess;
  readonly directory: string;
  readonly outsidePort: number;
  readonly patience: number;
  readonly chaosSeed: number | undefined;
  readonly outside: Outside;
  readonly customers: Customers;
}

/** A process of a service. */
export interface ServiceProcess {
  readonly service: ServiceName;
  readonly name: string;
}

/** Every process of a side. */
export const serviceProcesses: readonly ServiceProcess[] = serviceNames.flatMap((service) =>
  Array.from({ length: capacityOf[service].workers }, (_, index) => ({
    service,
    name: `${service}-${index + 1}`,
  })),
);

/** A running side. */
export class Side {
  readonly name: SideName;
  readonly customers: Customers;
  readonly outside: Outside;
  readonly #parts: SideParts;
  readonly #pool: ProcessPool<ServiceOrder, ServiceReport>;
  readonly #ports = new Map<string, number>();
  readonly #numbers = new Map<string, ProcessNumbers>();
  /** What processes counted that were killed. */
  #gone: ProcessNumbers = { waiting: 0, timeouts: 0, retries: 0, processorMs: 0 };
  readonly #restarting = new Set<string>();
  #isCalm = false;

  constructor(parts: SideParts) {
    this.name = parts.side;
    this.customers = parts.customers;
    this.outside = parts.outside;
    this.#parts = parts;
    this.#pool = new ProcessPool({
      fork: parts.fork,
      noun: "service",
      take: (process, report) => this.#take(process, report),
    });
  }

  /** Rejects when a process ends that nobody killed. */
  get failed(): Promise<never> {
    const failed = this.#pool.failure.then((error) => Promise.reject(error));
    // Whoever races it no longer need not hear of it.
    failed.catch(() => undefined);
    return failed;
  }

  /** Starts all services; resolves when all are ready. */
  async start(): Promise<void> {
    await Promise.all(serviceProcesses.map((process) => this.#start(process)));
  }

  /**
   * Kills a process as a crash would, and starts it again. Resolves to the killed process's id when
   * it runs again; undefined when it is being started anyhow.
   */
  async crash(process: ServiceProcess, onKilled: (pid: number) => void): Promise<void> {
    const { name } = process;
    const pid = this.#pool.running.find((each) => each.name === name)?.pid;
    if (pid === undefined || this.#restarting.has(name)) return;
    this.#restarting.add(name);
    await this.#pool.kill(name);
    const numbers = this.#numbers.get(name);
    if (numbers !== undefined) this.#gone = { ...sumOf([this.#gone, numbers]), waiting: 0 };
    this.#numbers.delete(name);
    this.#ports.delete(name);
    this.#introduce();
    onKilled(pid);
    await this.#start(process);
    this.#restarting.delete(name);
  }

  /** Ends chaos, also in processes that are started later. */
  calm(): void {
    this.#isCalm = true;
    this.#pool.tellAll({ kind: "calm" });
  }

  /** The numbers of all processes together. */
  numbers(): ProcessNumbers {
    const numbers = sumOf([this.#gone, ...this.#numbers.values()]);
    return { ...numbers, timeouts: numbers.timeouts + this.customers.timeouts };
  }

  /** Lets all services finish, and waits for their ends. Idempotent. */
  async close(): Promise<void> {
    // In the order in which orders pass them: each may still need those behind it.
    for (const service of serviceNames) {
      const names = serviceProcesses.filter((each) => each.service === service);
      await this.#pool.close(
        { kind: "drain" },
        names.map(({ name }) => name),
      );
    }
    this.customers.close();
  }

  async #start({ service, name }: ServiceProcess): Promise<void> {
    const { side, directory, outsidePort, patience } = this.#parts;
    const place = { side, service, name, directory };
    const chaosSeed = this.#isCalm ? undefined : this.#parts.chaosSeed;
    await this.#pool.start(name, { kind: "start", ...place, outsidePort, patience, chaosSeed });
  }

  #take({ name }: DemoProcess, report: ServiceReport): void {
    if (report.kind === "numbers") this.#numbers.set(name, report.numbers);
    if (report.kind !== "ready" || report.port === undefined) return;
    this.#ports.set(name, report.port);
    this.#introduce();
  }

  /** Tells everybody who listens where. */
  #introduce(): void {
    const portsOf = (service: ServiceName): readonly number[] =>
      serviceProcesses
        .filter((process) => process.service === service)
        .flatMap(({ name }) => this.#ports.get(name) ?? []);
    const peers: Peers = {
      intake: portsOf("intake"),
      stock: portsOf("stock"),
      payment: portsOf("payment"),
      shipping: portsOf("shipping"),
    };
    this.#pool.tellAll({ kind: "peers", peers });
    this.customers.findDoors(peers.intake);
  }
}

function sumOf(all: readonly ProcessNumbers[]): ProcessNumbers {
  const sum = (of: (numbers: ProcessNumbers) => number): number =>
    all.reduce((total, numbers) => total + of(numbers), 0);
  return {
    waiting: sum(({ waiting }) => waiting),
    timeouts: sum(({ timeouts }) => timeouts),
    retries: sum(({ retries }) => retries),
    processorMs: sum(({ processorMs }) => processorMs),
  };
}
