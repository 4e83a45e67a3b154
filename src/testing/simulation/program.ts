// What the simulated processes do: publish the scenario's messages, and take part in its groups.
// Owns the record of what is still to be published. Always true: a message with an id is published
// until it is surely stored, by whichever process is up; one without an id is published once.
import type { Bus } from "../../bus/bus.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { joinBeat } from "./beat.ts";
import { type Channels, channelsOf, Noted, Ordered } from "./contracts.ts";
import { Follower } from "./follower.ts";
import { GroupHandler } from "./group-handler.ts";
import { logName, messageId } from "./recorder.ts";
import type { GroupPlan, MessagePlan } from "./scenario.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import { type Held, subscribeGroup } from "./subscribe-group.ts";
import type { World } from "./world.ts";

/** How long a message waits for a process that is up, and after a publish of unknown end. */
const againMs = 150;

/** How often somebody lets go of what is held, while it fails yet. */
const releaseEveryMs = 330;

/** See the head of this file. */
export class Program {
  readonly channels: Channels;
  readonly #world: World;
  readonly #handlers: readonly GroupHandler[];
  readonly #subscriptions = new Map<SimulatedProcess, readonly Held[]>();
  readonly #followers: Follower[] = [];
  #unpublished: number;
  /** Whether what was held is let go, and nothing fails for good any more. */
  #isMended = false;

  constructor(world: World) {
    const { scenario } = world;
    this.#world = world;
    this.channels = channelsOf(scenario.partitions, scenario.hasPriorities);
    this.#unpublished = scenario.messages.length;
    const isMended = (): boolean => this.#isMended;
    this.#handlers = scenario.groups.map((plan) => new GroupHandler(world, plan, isMended));
  }

  /** Plans every publish. */
  begin(): void {
    const { clock, scenario } = this.#world;
    for (const group of scenario.groups) this.#noteGroup(group);
    for (const message of scenario.messages) {
      clock.after(message.atMs, () => this.#publish(message));
    }
    if (scenario.releases) this.#releaseLater();
  }

  #noteGroup({ name, channel, order, ending, attempts }: GroupPlan): void {
    for (const priority of ["high", "normal", "low"] as const) {
      const log = logName(channel, priority);
      const attemptsMax = ending === "park" ? undefined : attempts;
      const event = { kind: "subscribe", atMs: 0, group: name, log, from: 0 } as const;
      this.#world.recorder.note({ ...event, order, attemptsMax });
    }
  }

  /** The work of one life of a process. */
  async start(process: SimulatedProcess): Promise<void> {
    const bus = await process.open(this.channels);
    const subscriptions: Held[] = [];
    for (const handler of this.#handlers) {
      if (!handler.plan.members.includes(process.number)) continue;
      subscriptions.push(await subscribeGroup(bus, this.channels, handler, process));
    }
    const { followedBy, hasBeat } = this.#world.scenario;
    if (followedBy === process.number) {
      this.#followers.push(new Follower(process, this.#world, bus, this.channels));
    }
    if (hasBeat) await joinBeat(bus, this.#world, process);
    this.#subscriptions.set(process, subscriptions);
    if (this.#world.scenario.releases) this.#release();
  }

  #publish(message: MessagePlan): void {
    const { processes, clock } = this.#world;
    const turn = [...processes.slice(message.process), ...processes.slice(0, message.process)];
    const process = turn.find((each) => each?.bus !== undefined && !each.clock.isStill);
    if (process === undefined) {
      clock.after(againMs, () => this.#publish(message));
      return;
    }
    void this.#publishFrom(process, message);
  }

  async #publishFrom(process: SimulatedProcess, message: MessagePlan): Promise<void> {
    const { recorder, nowMs } = this.#world;
    const { n, channel, key, priority, delayMs, expiresInMs } = message;
    const operation = recorder.invoke(
      process.name,
      {
        log: logName(channel, priority),
        id: messageId(n),
        key: channel === "orders" ? key : undefined,
        value: `${n} ${key}`,
        isSkippable: expiresInMs !== undefined,
      },
      delayMs === undefined ? undefined : nowMs + delayMs,
      () => this.#ended(message, "unknown"),
    );
    if (expiresInMs !== undefined) recorder.expiry.published(messageId(n), nowMs + expiresInMs);
    const waiting = this.#world.pass(process, "publish");
    if (waiting !== undefined) await waiting;
    try {
      const receipt = await this.#send(process.bus, message);
      if (recorder.publishEnded(operation, "ok", receipt.offset)) this.#ended(message, "ok");
    } catch (error) {
      const isDefinite = error instanceof SpillwayError && error.certainty === "definite";
      const outcome = isDefinite ? "failed" : "unknown";
      if (!recorder.publishEnded(operation, outcome)) return;
      const isInjected = this.#world.assertInjected(error, `publishing ${messageId(n)}`);
      this.#ended(message, isInjected ? outcome : "ok");
    }
  }

  #send(bus: Bus | undefined, message: MessagePlan) {
    const { n, channel, key, priority, delayMs, expiresInMs, hasId } = message;
    if (bus === undefined) throw new SpillwayError("CLOSED", "the process is down");
    const options = {
      ...(delayMs !== undefined && { delayMs }),
      ...(expiresInMs !== undefined && { expiresInMs }),
      ...(hasId && { id: messageId(n) }),
    };
    const data = { n, key };
    if (channel === "notes") return bus.publish(Noted, data, { ...options, priority });
    return bus.publish(Ordered, data, options);
  }

  #ended(message: MessagePlan, outcome: "ok" | "failed" | "unknown"): void {
    // What is surely not stored can be published again in any case.
    if (outcome === "ok" || (outcome === "unknown" && !message.hasId)) {
      this.#unpublished--;
      return;
    }
    this.#world.clock.after(againMs, () => this.#publish(message));
  }

  #releaseLater(): void {
    this.#world.clock.after(releaseEveryMs, () => {
      if (this.#isMended) return;
      this.#release();
      this.#releaseLater();
    });
  }

  /** Lets everything go that is held; from now on nothing fails for good. */
  mend(): void {
    this.#isMended = true;
    this.#release();
  }

  /** Notes what those saw that followed a log. */
  endFollowing(): void {
    for (const follower of this.#followers) follower.end();
  }

  #release(): void {
    for (const [process, subscriptions] of this.#subscriptions) {
      if (process.hasEnded) this.#subscriptions.delete(process);
      else for (const subscription of subscriptions) subscription.release();
    }
  }

  /** Whether everything is published. */
  get isPublished(): boolean {
    return this.#unpublished === 0;
  }
}
