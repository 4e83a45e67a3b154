// The bus: wiring only. It connects the publisher, the registry, groups, streams and the transport,
// and closes them in order. Always true: after close() nothing of it runs and nothing is accepted.
import { AsyncLocalStorage } from "node:async_hooks";
import type { AnyContract, MessageOf } from "../contracts/contract.ts";
import { deadLetterChannelOf, invalidChannelOf } from "../contracts/names.ts";
import type { HandlerScope } from "../delivery/delivery-options.ts";
import type { Handler, StateSchemas } from "../delivery/handler-context.ts";
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import type { Bus, BusHealth } from "./bus.ts";
import { BusEncoder } from "./bus-encoder.ts";
import type { BusSettings } from "./bus-options.ts";
import { type BusStats, type GroupStatistics, StatsReader } from "./bus-stats.ts";
import type { ChannelRegistry } from "./channel-registry.ts";
import { stateViewOf } from "./committed-state.ts";
import { joinGroup, type MemberEnvironment } from "./group-member.ts";
import { GroupRegistry } from "./group-registry.ts";
import type { Delivery } from "./held-delivery.ts";
import { MessageStream } from "./message-stream.ts";
import type { PublishManyOptions, PublishOptions } from "./publish-options.ts";
import { publishMany } from "./publish-many.ts";
import { Publisher } from "./publisher.ts";
import { BusReader } from "./bus-reader.ts";
import type { ReadEnvelopesOptions, ReadOptions, StoredEnvelope } from "./read-messages.ts";
import { type Receipt, ReceiptWaiter } from "./receipt.ts";
import { type Selectable, selectionOf } from "./selection.ts";
import { drainOnSignals } from "./shutdown-signals.ts";
import {
  type MessagesOptions,
  type SubscribeOptions,
  subscribeSettingsOf,
} from "./subscribe-options.ts";
import { drainError, Subscription } from "./subscription.ts";

/** The one implementation of Bus. */
export class RunningBus implements Bus {
  readonly name: string;
  readonly #settings: BusSettings;
  readonly #registry: ChannelRegistry;
  readonly #publisher: Publisher;
  readonly #member: MemberEnvironment;
  readonly #reader: BusReader;
  readonly #stats: StatsReader;
  readonly #insideHandler = new AsyncLocalStorage<HandlerScope>();
  readonly #groups = new GroupRegistry();
  readonly #subscriptions = new Set<Subscription<StateSchemas>>();
  readonly #streams = new Set<MessageStream>();
  /** "draining": only handlers that still run may publish. */
  #phase: "open" | "draining" | "closed" = "open";
  #closing: Promise<void> | undefined;
  readonly #forgetSignals: () => void;

  /** The transport is open and the registry's channels are declared. */
  constructor(settings: BusSettings, registry: ChannelRegistry) {
    this.name = settings.name;
    this.#settings = settings;
    this.#registry = registry;
    const encoder = new BusEncoder(settings, registry);
    const countersOf = (channel: string) => registry.countersOf(channel);
    this.#publisher = new Publisher({ ...settings, encoder, countersOf });
    this.#member = {
      settings,
      groups: this.#groups,
      encoder,
      countersOf,
      insideHandler: this.#insideHandler,
      members: new Set(),
      middleware: settings.use.flatMap((each) => (each.kind === "consume" ? each.run : [])),
      isClosing: () => this.#phase !== "open",
    };
    this.#reader = new BusReader(settings, registry);
    this.#stats = this.#statsReader();
    this.#forgetSignals = drainOnSignals(settings.shutdownSignals, () => this.close());
  }

  get incarnation(): string | undefined {
    return this.#settings.transport.incarnation;
  }

  publish(contract: AnyContract, data: unknown, options?: PublishOptions): Promise<Receipt> {
    const waiter = new ReceiptWaiter();
    try {
      this.#assertMayPublish(contract, options);
      const { name } = this.#registry.channelOf(contract);
      this.#publisher.publish(name, contract, data, options, waiter);
    } catch (error) {
      waiter.reject(error);
    }
    return waiter.promise;
  }

  async publishMany(
    contract: AnyContract,
    data: Iterable<unknown> | AsyncIterable<unknown>,
    options?: PublishManyOptions,
  ): Promise<readonly Receipt[]> {
    this.#assertMayPublish(contract, options);
    const { name } = this.#registry.channelOf(contract);
    return publishMany(this.#publisher, name, contract, data, options);
  }

  #assertMayPublish(contract: AnyContract, options: PublishManyOptions | undefined): void {
    const scope = this.#insideHandler.getStore();
    if (this.#phase !== "open" && (this.#phase === "closed" || scope === undefined)) {
      throw new ClosedError(`'${contract?.type}' was not published: bus '${this.name}' is closed`);
    }
    if (contract?.kind !== "event") {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `publish takes the contract of an event, made by defineEvent(), not ${describe(contract)}`,
      );
    }
    if (scope === undefined || options?.detached === true) return;
    throw new SpillwayError(
      "PUBLISH_INSIDE_HANDLER",
      `'${contract.type}' was published inside a handler of group '${scope.group}' on ` +
        `'${scope.channel}', where it would escape the commit unit: return the message, use ` +
        "context.publish, or pass { detached: true }",
      { details: { type: contract.type, ...scope } },
    );
  }

  async subscribe(
    selectable: Selectable,
    optionsOrHandler: SubscribeOptions | Handler,
    last?: Handler,
  ): Promise<Subscription<StateSchemas>> {
    const isShort = typeof optionsOrHandler === "function";
    const handler = isShort ? optionsOrHandler : last;
    const options: SubscribeOptions = isShort ? {} : optionsOrHandler;
    if (typeof handler !== "function") {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        "subscribe needs a handler function as its last argument",
      );
    }
    this.#assertOpen("subscribe");
    const { transport, clock, drainTimeoutMs } = this.#settings;
    const selection = selectionOf(this.#registry, selectable);
    const settings = subscribeSettingsOf(transport, selection, options, this.name);
    const { signal } = options;
    const member = await joinGroup(this.#member, selection, settings, handler, { signal });
    const { channel, group } = settings;
    const subscription = new Subscription<StateSchemas>({
      channel,
      group,
      failure: member.failure,
      state: stateViewOf(transport.state, { channel, group }, settings.state),
      clock,
      drainTimeoutMs,
      signal,
      stats: this.#groupStats(channel, group),
      drain: (deadlineMs) =>
        member.drain(deadlineMs).finally(() => this.#subscriptions.delete(subscription)),
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  messages<const Selected extends Selectable>(
    selectable: Selected,
    options: MessagesOptions = {},
  ): AsyncIterable<Delivery<MessageOf<Selected>>> {
    const open = (): AsyncIterator<Delivery> => this.#stream(selectable, options);
    // What a selection decodes to is what its types say: the decoder validated it.
    return { [Symbol.asyncIterator]: open } as AsyncIterable<Delivery<MessageOf<Selected>>>;
  }

  #stream(selectable: Selectable, options: MessagesOptions): MessageStream {
    this.#assertOpen("messages");
    const { transport, clock, drainTimeoutMs } = this.#settings;
    const selection = selectionOf(this.#registry, selectable);
    const unlimited = { ...options, timeoutMs: Number.POSITIVE_INFINITY };
    const settings = subscribeSettingsOf(transport, selection, unlimited, this.name);
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

  read<const Selected extends Selectable>(
    selectable: Selected,
    options?: ReadOptions,
  ): AsyncIterable<MessageOf<Selected>> {
    this.#assertOpen("read");
    return this.#reader.read(selectable, options) as AsyncIterable<MessageOf<Selected>>;
  }

  deadLetters(
    selectable: Selectable,
    options?: ReadEnvelopesOptions,
  ): AsyncIterable<StoredEnvelope> {
    this.#assertOpen("deadLetters");
    return this.#reader.companion(selectable, deadLetterChannelOf, options);
  }

  invalidMessages(
    selectable: Selectable,
    options?: ReadEnvelopesOptions,
  ): AsyncIterable<StoredEnvelope> {
    this.#assertOpen("invalidMessages");
    return this.#reader.companion(selectable, invalidChannelOf, options);
  }

  async health(): Promise<BusHealth> {
    if (this.#phase !== "open") {
      return { status: "failed", reasons: [`bus '${this.name}' is ${this.#phase}`] };
    }
    const { status, reasons } = this.#settings.transport.health();
    const troubles = [...this.#member.members].flatMap((member) => member.troubles);
    const full = this.#publisher.budget.isFull
      ? ["publishes are refused: too many of them wait"]
      : [];
    const own = [...troubles, ...full];
    if (own.length === 0) return { status, reasons };
    return { status: status === "ok" ? "degraded" : status, reasons: [...reasons, ...own] };
  }

  async stats(): Promise<BusStats> {
    this.#assertOpen("stats");
    const { count, bytes } = this.#publisher.budget;
    return { pending: { count, bytes }, channels: await this.#stats.read() };
  }

  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs ?? this.#settings.drainTimeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    const { clock, transport } = this.#settings;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    this.#phase = "draining";
    const readers = [...this.#subscriptions, ...this.#streams];
    const drains = await Promise.allSettled(readers.map((reader) => reader.drain(deadlineMs)));
    this.#phase = "closed";
    const isStored = await this.#publisher.drain(deadlineMs);
    try {
      await transport.close();
    } finally {
      this.#forgetSignals();
    }
    for (const drain of drains) if (drain.status === "rejected") throw drain.reason;
    const inTime = isStored && drains.every((drain) => drain.status === "fulfilled" && drain.value);
    if (!inTime) throw drainError(`bus '${this.name}'`, timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #assertOpen(call: string): void {
    if (this.#phase === "open") return;
    throw new ClosedError(`${call}: bus '${this.name}' is closed`);
  }

  #statsReader(): StatsReader {
    const { transport, clock } = this.#settings;
    return new StatsReader(transport, clock, {
      channelCounters: (channel) => this.#registry.countersOf(channel),
      groupCounters: (channel, group) => this.#groups.countersOf(channel, group),
    });
  }

  /** The numbers of one group; with rates of its own. */
  #groupStats(channel: string, group: string): () => Promise<GroupStatistics> {
    const reader = this.#statsReader();
    return async () => {
      const channels = await reader.read();
      const stats = channels.find((each) => each.channel === channel);
      const found = stats?.groups.find((each) => each.group === group);
      if (found !== undefined) return found;
      throw new ClosedError(`group '${group}' of '${channel}' does not exist any more`);
    };
  }
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const { kind, type, name } = value as { kind?: unknown; type?: unknown; name?: unknown };
  if (kind === "command") return `the command '${String(type)}'`;
  return kind === "channel" ? `the channel '${String(name)}'` : "an object";
}
