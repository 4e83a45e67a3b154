// Plays a trace through the real bus, delivery and flow control, over memory() and in virtual time.
// Owns the bus for the run. Always true: the same trace, settings and seed give the same run; a
// message is counted once, however often it is handled.
import { memory } from "../../adapters/memory/index.ts";
import { createBus } from "../../bus/create-bus.ts";
import type { Bus } from "../../bus/bus.ts";
import type { Subscription } from "../../bus/subscription.ts";
import { type ChannelOverflow, defineChannel } from "../../contracts/channel.ts";
import { defineEvent } from "../../contracts/event.ts";
import type { StandardSchema } from "../../contracts/standard-schema.ts";
import { BackPressureError, SpillwayError } from "../../errors/spillway-error.ts";
import { flowControl, type FlowOptions } from "../../flow/flow-control.ts";
import type { ScalingDecision } from "../../flow/scaling/scaling-decision.ts";
import { seededRandom } from "../../kernel/random.ts";
import type { Priority } from "../../message/envelope.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import type { Arrival } from "./arrival.ts";
import { type DownstreamModel, SimulatedDownstream } from "./simulated-downstream.ts";

/** What is tried out. */
export interface VirtualSettings {
  readonly flow: FlowOptions;
  readonly downstream: DownstreamModel;
  readonly depthMax?: number | undefined;
  readonly overflow?: ChannelOverflow | undefined;
  /** How often the run is looked at. */
  readonly sampleMs: number;
  /** How long after the last arrival it may go on. */
  readonly drainMsMax: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** The run at one moment. */
export interface VirtualSample {
  readonly atMs: number;
  /** Since the sample before. */
  readonly arrived: number;
  readonly handled: number;
  /** Stored, or waiting to be stored, and not handled. */
  readonly depth: number;
  readonly inFlight: number;
  /** Handlers that might run. */
  readonly pool: number;
}

/** What came of it. */
export interface VirtualOutcome {
  readonly arrived: number;
  readonly handled: number;
  /** Refused by the full channel. */
  readonly shed: number;
  /** Neither handled nor refused when it ended. */
  readonly left: number;
  /** From arrival to handled, ms, in ascending order. */
  readonly latenciesMs: Float64Array;
  readonly depthMax: number;
  readonly inFlightMax: number;
  /** Pool size × seconds, from the first arrival to the end of the trace or of the work. */
  readonly workerSeconds: number;
  readonly durationMs: number;
  readonly samples: readonly VirtualSample[];
  readonly decisions: readonly ScalingDecision[];
}

/** What stands for the data of one message. */
interface Cargo {
  readonly key: string | undefined;
  readonly index: number;
}

const anything: StandardSchema<Cargo, Cargo> = {
  "~standard": {
    version: 1,
    vendor: "spillway",
    validate: (value) => ({ value: value as Cargo }),
  },
};

/** The world of one run. */
class VirtualRun {
  readonly clock = new VirtualClock();
  readonly downstream: SimulatedDownstream;
  readonly #settings: VirtualSettings;
  readonly #trace: readonly Arrival[];
  readonly #handledAt: Float64Array;
  #arrived = 0;
  #handled = 0;
  #shed = 0;
  /** Why a message could not be published, where that is not its limit. */
  #failure: unknown;
  #depthMax = 0;
  #inFlightMax = 0;
  #workerMs = 0;
  readonly #samples: VirtualSample[] = [];
  #sampled = { arrived: 0, handled: 0 };

  constructor(trace: readonly Arrival[], settings: VirtualSettings) {
    this.#trace = trace;
    this.#settings = settings;
    this.downstream = new SimulatedDownstream(this.clock, settings.downstream);
    this.#handledAt = new Float64Array(trace.length).fill(Number.NaN);
  }

  async run(): Promise<VirtualOutcome> {
    const { clock } = this;
    const { seed, depthMax, overflow = "wait", flow } = this.#settings;
    const keyed = this.#trace.every(({ key }) => key !== undefined);
    const contract = keyed
      ? defineEvent("simulated", { data: anything, key: ({ key }) => key ?? "" })
      : defineEvent("simulated", { data: anything });
    const limits = depthMax === undefined ? {} : { depthMax };
    const common = { messages: [contract], limits, overflow };
    // With keys the priority is one of the key, so that order holds: that of its first message.
    const priorityOf = keyed ? { priorityOf: priorityByKey(this.#trace) } : {};
    const channel = defineChannel("simulated", { ...common, ...priorityOf });
    const pendingMax = Math.max(10_000, this.#trace.length);
    const bus = await createBus({
      name: "what-if",
      transport: memory(),
      channels: [channel],
      clock,
      random: seededRandom(seed),
      pendingMax,
      shutdownSignals: [],
    });
    try {
      const handler = async (message: { readonly data: Cargo }): Promise<void> => {
        await this.downstream.call();
        this.#ended(message.data.index);
      };
      const options = { group: "what-if", flow: flowControl(flow) } as const;
      const subscription = await bus.subscribe(channel, options, handler);
      const publish = (cargo: Cargo, arrival: Arrival): Promise<unknown> => {
        const { priority, tenant } = arrival;
        const own = { ...(!keyed && { priority }), ...(tenant !== undefined && { tenant }) };
        return bus.publish(contract, cargo, own);
      };
      await this.#play(subscription, publish);
      return this.#outcome(subscription);
    } finally {
      await this.#close(bus);
    }
  }

  async #close(bus: Bus): Promise<void> {
    const closed = bus.close().catch(() => undefined);
    let isClosed = false;
    void closed.then(() => (isClosed = true));
    while (!isClosed) await this.clock.advance(1_000);
  }

  #ended(index: number): void {
    if (!Number.isNaN(this.#handledAt[index])) return;
    this.#handledAt[index] = this.clock.monotonicMs();
    this.#handled++;
  }

  async #play(subscription: Poolish, publish: Publish): Promise<void> {
    const { clock } = this;
    const { sampleMs, drainMsMax, signal } = this.#settings;
    const lastMs = this.#trace.at(-1)?.atMs ?? 0;
    let next = 0;
    for (let untilMs = sampleMs; ; untilMs += sampleMs) {
      signal?.throwIfAborted();
      if (this.#failure !== undefined) throw asError(this.#failure);
      while ((this.#trace[next]?.atMs ?? Number.POSITIVE_INFINITY) < untilMs) {
        const atMs = this.#trace[next]?.atMs ?? 0;
        await clock.advance(Math.max(0, atMs - clock.monotonicMs()));
        for (; this.#trace[next]?.atMs === atMs; next++) this.#publish(next, publish);
      }
      await clock.advance(Math.max(0, untilMs - clock.monotonicMs()));
      this.#sample(subscription);
      const isOver = this.#arrived - this.#shed === this.#handled;
      if (untilMs >= lastMs && (isOver || untilMs > lastMs + drainMsMax)) return;
    }
  }

  #publish(index: number, publish: Publish): void {
    const arrival = this.#trace[index];
    if (arrival === undefined) return;
    this.#arrived++;
    publish({ key: arrival.key, index }, arrival).catch((error: unknown) => {
      if (error instanceof BackPressureError) this.#shed++;
      else this.#failure ??= error;
    });
  }

  #sample(subscription: Poolish): void {
    const depth = this.#arrived - this.#shed - this.#handled;
    const { scaling, flow } = subscription;
    const pool = scaling?.current ?? flow.settings.concurrency;
    const { inFlight } = this.downstream;
    this.#depthMax = Math.max(this.#depthMax, depth);
    this.#inFlightMax = Math.max(this.#inFlightMax, inFlight);
    this.#workerMs += pool * this.#settings.sampleMs;
    const arrived = this.#arrived - this.#sampled.arrived;
    const handled = this.#handled - this.#sampled.handled;
    this.#sampled = { arrived: this.#arrived, handled: this.#handled };
    const atMs = this.clock.monotonicMs();
    this.#samples.push({ atMs, arrived, handled, depth, inFlight, pool });
  }

  #outcome({ scaling }: Poolish): VirtualOutcome {
    const latencies = this.#trace
      .map(({ atMs }, index) => (this.#handledAt[index] ?? Number.NaN) - atMs)
      .filter((latencyMs) => !Number.isNaN(latencyMs));
    return {
      arrived: this.#arrived,
      handled: this.#handled,
      shed: this.#shed,
      left: this.#arrived - this.#shed - this.#handled,
      latenciesMs: Float64Array.from(latencies).sort(),
      depthMax: this.#depthMax,
      inFlightMax: this.#inFlightMax,
      workerSeconds: this.#workerMs / 1_000,
      durationMs: this.clock.monotonicMs(),
      samples: this.#samples,
      decisions: scaling?.decisions ?? [],
    };
  }
}

function asError(failure: unknown): Error {
  return failure instanceof Error ? failure : new Error(String(failure));
}

function priorityByKey(trace: readonly Arrival[]): (key: string) => Priority {
  const priorities = new Map<string, Priority>();
  for (const { key, priority } of trace) {
    if (key !== undefined && !priorities.has(key)) priorities.set(key, priority);
  }
  return (key) => priorities.get(key) ?? "normal";
}

type Publish = (cargo: Cargo, arrival: Arrival) => Promise<unknown>;
/** What a run asks its subscription. */
type Poolish = Pick<Subscription, "scaling" | "flow">;

/** Plays the trace; rejects with the signal's reason, and with INVALID_ARGUMENT for no arrivals. */
export async function playTrace(
  trace: readonly Arrival[],
  settings: VirtualSettings,
): Promise<VirtualOutcome> {
  if (trace.length === 0) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      "the trace has no arrivals: give one that has some",
    );
  }
  return new VirtualRun(trace, settings).run();
}

/** The duration within which this share stayed; 0 for none. */
export function within(sortedMs: Float64Array, share: number): number {
  return sortedMs[Math.min(sortedMs.length - 1, Math.ceil(share * sortedMs.length) - 1)] ?? 0;
}
