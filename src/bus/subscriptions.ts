// What a bus reads in groups: subscriptions, streams, their counters and committed state. Knows
// nothing of publishing. Always true: whoever was handed out is drained with the bus.
import type { Answers } from "../delivery/answers.ts";
import type { Handler, StateSchemas } from "../delivery/handler-context.ts";
import { ClosedError } from "../errors/spillway-error.ts";
import { explainMessage, type LocalMember } from "../flow/explain/explain-message.ts";
import type { Explanation, MessageReference } from "../flow/explain/explanation.ts";
import type { PoolScaling } from "../flow/scaling/pool-scaler.ts";
import { poolOf as scalingPoolOf, type ScalingSnapshot } from "../flow/scaling/scaling-snapshot.ts";
import { SharedRates } from "../flow/shared/shared-rates.ts";
import { SubscriptionFlow } from "../flow/subscription-flow.ts";
import { type GroupStatistics, StatsReader } from "./bus-stats.ts";
import { recoveryFor, type SubscriptionRecovery } from "../recovery/subscription-recovery.ts";
import type { ChannelRegistry } from "./channel-registry.ts";
import { stateViewOf } from "./committed-state.ts";
import { joinGroup, type MemberEnvironment } from "./group-member.ts";
import type { GroupMember } from "./lasting-member.ts";
import { MessageStream } from "./message-stream.ts";
import { poolOf } from "./pool-option.ts";
import type { Selection } from "./selection.ts";
import {
  assertMessagesOptions,
  type MessagesOptions,
  type SubscribeOptions,
  subscribeSettingsOf,
} from "./subscribe-options.ts";
import { scaleThreads } from "../workers/worker-handler.ts";
import { Subscription } from "./subscription.ts";

interface GroupPlace {
  readonly channel: string;
  readonly group: string;
}

/** The groups that one bus takes part in. */
export class Subscriptions {
  readonly #member: MemberEnvironment;
  readonly #registry: ChannelRegistry;
  readonly #subscriptions = new Set<Subscription<StateSchemas>>();
  readonly #locals = new WeakMap<Subscription<StateSchemas>, LocalMember>();
  readonly #streams = new Set<MessageStream>();
  readonly #sharedRates: SharedRates;

  constructor(member: MemberEnvironment, registry: ChannelRegistry) {
    this.#member = member;
    this.#registry = registry;
    this.#sharedRates = new SharedRates(member.settings);
  }

  /** What keeps members from their work, for people; empty when all is well. */
  get troubles(): readonly string[] {
    return [...this.#member.members].flatMap((member) => member.troubles);
  }

  /**
   * Joins a group with a handler. `answers`: those who sent the messages are answered;
   * `messagesPerCall`: so many messages count as one in the concurrency.
   */
  async subscribe(
    selection: Selection,
    options: SubscribeOptions,
    handler: Handler,
    more: { readonly answers?: Answers; readonly messagesPerCall?: number } = {},
  ): Promise<Subscription<StateSchemas>> {
    const { answers, messagesPerCall = 1 } = more;
    const { transport, clock, random, drainTimeoutMs, name } = this.#member.settings;
    const checked = subscribeSettingsOf(transport, selection, options, name);
    const { channel, group, order } = checked;
    const concurrency = checked.concurrency * messagesPerCall;
    const recovery = recoveryFor(options, { channel, group, concurrency, clock, random });
    const { rules, gate } = recovery;
    const shared = this.#sharedRates;
    const isNumbered = checked.sequence !== undefined;
    const owner = {};
    const onSize = (size: number): unknown => scaleThreads(handler, owner, size);
    const flow = new SubscriptionFlow(
      { ...options.flow, concurrency: poolOf(options) },
      { clock, order, shared, isNumbered, messagesPerCall, onSize },
    );
    const settings = { ...checked, concurrency, answers, rules, gate, flow };
    const { signal } = options;
    if (flow.scaling === undefined) onSize(concurrency);
    const metered = flow.metered(handler);
    const member = await joinGroup(this.#member, selection, settings, metered, { signal });
    const local = localOf(member, flow, () => recovery.circuits());
    const subscription = new Subscription<StateSchemas>({
      channel,
      group,
      failure: member.failure,
      state: stateViewOf(transport.state, { channel, group }, settings.state),
      clock,
      drainTimeoutMs,
      signal,
      circuits: () => recovery.circuits(),
      held: () => member.held,
      release: (filter) => member.release(filter),
      flow,
      scaling: () => flow.scaling,
      explain: (reference) => this.#explain(channel, group, reference, [local]),
      stats: this.#groupStats(channel, group),
      drain: (deadlineMs) =>
        member.drain(deadlineMs).finally(() => {
          scaleThreads(handler, owner, undefined);
          this.#subscriptions.delete(subscription);
        }),
    });
    this.#subscriptions.add(subscription);
    this.#locals.set(subscription, local);
    return subscription;
  }

  /** Joins a group, for a loop that takes messages one by one. */
  stream(selection: Selection, options: MessagesOptions): MessageStream {
    const { transport, clock, drainTimeoutMs, name } = this.#member.settings;
    assertMessagesOptions(selection.entry.name, options);
    const unlimited = { ...options, timeoutMs: Number.POSITIVE_INFINITY };
    const settings = subscribeSettingsOf(transport, selection, unlimited, name);
    const { signal } = options;
    const stream = new MessageStream({
      clock,
      drainTimeoutMs,
      signal,
      isClaimed: settings.delivery === "at-most-once",
      start: (handler, observer) =>
        joinGroup(this.#member, selection, settings, handler, { signal, observer }),
      onClosed: () => this.#streams.delete(stream),
    });
    this.#streams.add(stream);
    return stream;
  }

  /** Why a message waits for a group, with what the members of this bus know. */
  explain(channel: string, group: string, reference: MessageReference): Promise<Explanation> {
    const members = [...this.#subscriptions]
      .filter((each) => each.channel === channel && each.group === group)
      .flatMap((each) => this.#locals.get(each) ?? []);
    return this.#explain(channel, group, reference, members);
  }

  #explain(
    channel: string,
    group: string,
    reference: MessageReference,
    members: readonly LocalMember[],
  ): Promise<Explanation> {
    const { transport, clock } = this.#member.settings;
    return explainMessage({ transport, clock, channel, group, members }, reference);
  }

  /** The pools that scale themselves, with what their groups have to do over all processes. */
  async scaling(): Promise<ScalingSnapshot> {
    const { name, clock, transport } = this.#member.settings;
    const groups = new Map<string, { place: GroupPlace; all: PoolScaling[] }>();
    for (const { channel, group, scaling } of this.#subscriptions) {
      if (scaling === undefined) continue;
      const known = groups.get(JSON.stringify([channel, group]));
      if (known !== undefined) known.all.push(scaling);
      else
        groups.set(JSON.stringify([channel, group]), { place: { channel, group }, all: [scaling] });
    }
    const stats = groups.size === 0 ? [] : await transport.stats();
    const pools = [...groups.entries()].toSorted(([left], [right]) => (left < right ? -1 : 1));
    return {
      version: 1,
      bus: name,
      atMs: clock.wallMs(),
      pools: pools.flatMap(([, { place, all }]) => {
        const found = stats
          .find(({ channel }) => channel === place.channel)
          ?.groups.find(({ group }) => group === place.group);
        const [first, ...others] = all;
        if (found === undefined || first === undefined) return [];
        return [scalingPoolOf(place, [first, ...others], found)];
      }),
    };
  }

  /** Closes everybody by a point of monotonic time; see Subscription.drain(). */
  async drain(deadlineMs: number): Promise<PromiseSettledResult<boolean>[]> {
    const readers = [...this.#subscriptions, ...this.#streams];
    const drains = await Promise.allSettled(readers.map((reader) => reader.drain(deadlineMs)));
    this.#sharedRates.close();
    return drains;
  }

  /** A reader of all numbers, with rates of its own. */
  statsReader(): StatsReader {
    const { settings, groups } = this.#member;
    return new StatsReader(settings.transport, settings.clock, {
      channelCounters: (channel) => this.#registry.countersOf(channel),
      groupCounters: (channel, group) => groups.countersOf(channel, group),
    });
  }

  /** The numbers of one group; with rates of its own. */
  #groupStats(channel: string, group: string): () => Promise<GroupStatistics> {
    const reader = this.statsReader();
    return async () => {
      const channels = await reader.read();
      const stats = channels.find((each) => each.channel === channel);
      const found = stats?.groups.find((each) => each.group === group);
      if (found !== undefined) return found;
      throw new ClosedError(`group '${group}' of '${channel}' does not exist any more`);
    };
  }
}

/** What a member knows of the messages that it holds. */
function localOf(
  member: GroupMember,
  flow: SubscriptionFlow,
  circuits: SubscriptionRecovery["circuits"],
): LocalMember {
  return {
    get local() {
      return member.local;
    },
    get isPaused() {
      return flow.isPaused;
    },
    get scaling() {
      return flow.scalingText;
    },
    get circuits() {
      return circuits();
    },
    rateAt: (index) => flow.rateAt(index),
  };
}
