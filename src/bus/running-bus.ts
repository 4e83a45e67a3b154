// The bus: wiring only. It connects the publisher, the registry, groups, streams and the transport,
// and closes them in order. Always true: after close() nothing of it runs and nothing is accepted.
import { AsyncLocalStorage } from "node:async_hooks";
import type { AnyContract, MessageOf } from "../contracts/contract.ts";
import type { HandlerScope } from "../delivery/delivery-options.ts";
import type { Handler, StateSchemas } from "../delivery/handler-context.ts";
import { assertKnownOptions } from "../errors/known-options.ts";
import type { DeadLetterOptions, DeadLetters } from "../recovery/redrive/letter-desk.ts";
import type { Explanation, MessageReference } from "../flow/explain/explanation.ts";
import type { Bus, BusHealth } from "./bus.ts";
import type { BatchHandler } from "../recovery/batch-handler.ts";
import { batchSubscriptionOf, type SubscribeBatchOptions } from "./batch-subscription.ts";
import { BusCommands } from "./bus-commands.ts";
import { BusEncoder } from "./bus-encoder.ts";
import { BusGate } from "./bus-gate.ts";
import { BusInside, keepInside } from "./bus-inside.ts";
import { BusLetters } from "./bus-letters.ts";
import type { BusSettings } from "./bus-options.ts";
import type { ScalingSnapshot } from "../flow/scaling/scaling-snapshot.ts";
import type { BusStats, StatsReader } from "./bus-stats.ts";
import type { ChannelRegistry } from "./channel-registry.ts";
import type { MemberEnvironment } from "./group-member.ts";
import { GroupRegistry } from "./group-registry.ts";
import type { Delivery } from "./held-delivery.ts";
import {
  type PublishManyOptions,
  type PublishOptions,
  publishManyOptionNames,
} from "./publish-options.ts";
import { publishMany } from "./publish-many.ts";
import { Publisher } from "./publisher.ts";
import { BusReader } from "./bus-reader.ts";
import { BusScheduling } from "./bus-scheduling.ts";
import type { ReadOptions } from "./read-messages.ts";
import { type Receipt, ReceiptWaiter } from "./receipt.ts";
import { handlerOf } from "./handler-argument.ts";
import { type Selectable, selectionOf } from "./selection.ts";
import { drainOnSignals } from "./shutdown-signals.ts";
import type { MessagesOptions, SubscribeOptions } from "./subscribe-options.ts";
import { drainError, type Subscription } from "./subscription.ts";
import { Subscriptions } from "./subscriptions.ts";

/** The one implementation of Bus. */
export class RunningBus implements Bus {
  readonly name: string;
  readonly send: Bus["send"];
  readonly handle: Bus["handle"];
  readonly request: Bus["request"];
  readonly scatter: Bus["scatter"];
  readonly gather: Bus["gather"];
  readonly replies: Bus["replies"];
  readonly aggregate: Bus["aggregate"];
  readonly cancelDelayed: Bus["cancelDelayed"];
  readonly delayed: Bus["delayed"];
  readonly schedule: Bus["schedule"];
  readonly #settings: BusSettings;
  readonly #registry: ChannelRegistry;
  readonly #publisher: Publisher;
  readonly #reader: BusReader;
  readonly #letters: BusLetters;
  readonly #stats: StatsReader;
  readonly #subscriptions: Subscriptions;
  readonly #commands: BusCommands;
  readonly #gate: BusGate;
  #closing: Promise<void> | undefined;
  readonly #forgetSignals: () => void;

  /** The transport is open and the registry's channels are declared. */
  constructor(settings: BusSettings, registry: ChannelRegistry) {
    this.name = settings.name;
    this.#settings = settings;
    this.#registry = registry;
    const insideHandler = new AsyncLocalStorage<HandlerScope>();
    const gate = new BusGate(settings.name, insideHandler);
    this.#gate = gate;
    const encoder = new BusEncoder(settings, registry);
    const countersOf = (channel: string) => registry.countersOf(channel);
    const waitsFor = (channel: string) => registry.waitsFor(channel);
    const middleware = settings.use.flatMap((each) => (each.kind === "consume" ? each.run : []));
    const groups = new GroupRegistry();
    keepInside(this, new BusInside(settings, groups, middleware));
    this.#publisher = new Publisher({ ...settings, encoder, countersOf, waitsFor });
    const member: MemberEnvironment = {
      settings,
      groups,
      encoder,
      countersOf,
      insideHandler,
      members: new Set(),
      middleware,
      isClosing: () => gate.phase !== "open",
    };
    this.#subscriptions = new Subscriptions(member, registry);
    this.#commands = new BusCommands({
      settings,
      registry,
      publisher: this.#publisher,
      subscriptions: this.#subscriptions,
      encoder,
      gate,
    });
    this.send = this.#commands.send;
    this.handle = this.#commands.handle;
    this.request = this.#commands.request;
    this.scatter = this.#commands.scatter;
    this.gather = this.#commands.gather;
    this.replies = this.#commands.replies;
    this.aggregate = this.#commands.aggregate;
    const publisher = this.#publisher;
    const subscriptions = this.#subscriptions;
    const times = new BusScheduling({ settings, registry, publisher, subscriptions, gate });
    this.cancelDelayed = times.cancelDelayed;
    this.delayed = times.delayed;
    this.schedule = times.schedule;
    this.#reader = new BusReader(settings, registry);
    this.#letters = new BusLetters(settings, registry);
    this.#stats = this.#subscriptions.statsReader();
    this.#forgetSignals = drainOnSignals(settings.shutdownSignals, () => this.close());
  }

  get incarnation(): string | undefined {
    return this.#settings.transport.incarnation;
  }

  publish(contract: AnyContract, data: unknown, options?: PublishOptions): Promise<Receipt> {
    const waiter = new ReceiptWaiter();
    try {
      this.#gate.assertMayPublish(contract, options, "publish");
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
    this.#gate.assertMayPublish(contract, options, "publish");
    assertKnownOptions(options, publishManyOptionNames, "publishMany of", contract.type);
    const { name } = this.#registry.channelOf(contract);
    return publishMany(this.#publisher, name, contract, data, options);
  }

  async subscribe(
    selectable: Selectable,
    optionsOrHandler: SubscribeOptions | Handler,
    last?: Handler,
  ): Promise<Subscription<StateSchemas>> {
    const [options, handler] = handlerOf("subscribe", optionsOrHandler, last);
    this.#gate.assertOpen("subscribe");
    return this.#subscriptions.subscribe(selectionOf(this.#registry, selectable), options, handler);
  }

  async subscribeBatch(
    selectable: Selectable,
    options: SubscribeBatchOptions,
    handler: unknown,
  ): Promise<never> {
    // What its items are is what its types say: the decoder validated them.
    const given = handler as BatchHandler;
    const batch = batchSubscriptionOf(options, given, this.#settings.clock);
    this.#gate.assertOpen("subscribeBatch");
    const selection = selectionOf(this.#registry, selectable);
    const subscription = await this.#subscriptions.subscribe(
      selection,
      batch.options,
      batch.handler,
      { messagesPerCall: batch.messagesMax },
    );
    batch.follow(subscription.flow);
    // What is handed out is typed by the call's own words.
    return subscription as never;
  }

  messages<const Selected extends Selectable>(
    selectable: Selected,
    options: MessagesOptions = {},
  ): AsyncIterable<Delivery<MessageOf<Selected>>> {
    const open = (): AsyncIterator<Delivery> => this.#stream(selectable, options);
    // What a selection decodes to is what its types say: the decoder validated it.
    return { [Symbol.asyncIterator]: open } as AsyncIterable<Delivery<MessageOf<Selected>>>;
  }

  #stream(selectable: Selectable, options: MessagesOptions): AsyncIterator<Delivery> {
    this.#gate.assertOpen("messages");
    return this.#subscriptions.stream(selectionOf(this.#registry, selectable), options);
  }

  read<const Selected extends Selectable>(
    selectable: Selected,
    options?: ReadOptions,
  ): AsyncIterable<MessageOf<Selected>> {
    this.#gate.assertOpen("read");
    return this.#reader.read(selectable, options) as AsyncIterable<MessageOf<Selected>>;
  }

  deadLetters(selectable: Selectable, options?: DeadLetterOptions): DeadLetters {
    this.#gate.assertOpen("deadLetters");
    return this.#letters.of(selectable, "dead-letter", options);
  }

  invalidMessages(selectable: Selectable, options?: DeadLetterOptions): DeadLetters {
    this.#gate.assertOpen("invalidMessages");
    return this.#letters.of(selectable, "invalid", options);
  }

  async explain(
    selectable: Selectable,
    reference: MessageReference,
    options: { readonly group?: string } = {},
  ): Promise<Explanation> {
    this.#gate.assertOpen("explain");
    const { entry } = selectionOf(this.#registry, selectable);
    await entry.declare();
    return this.#subscriptions.explain(entry.name, options.group ?? this.name, reference);
  }

  async health(): Promise<BusHealth> {
    if (this.#gate.phase !== "open") {
      return { status: "failed", reasons: [`bus '${this.name}' is ${this.#gate.phase}`] };
    }
    const { status, reasons } = this.#settings.transport.health();
    const { troubles } = this.#subscriptions;
    const full = this.#publisher.budget.isFull
      ? ["publishes are refused: too many of them wait"]
      : [];
    const waiting = this.#publisher.fullChannels.map(
      (channel) => `channel '${channel}' is full: its publishes wait for room`,
    );
    const own = [...troubles, ...full, ...waiting];
    if (own.length === 0) return { status, reasons };
    return { status: status === "ok" ? "degraded" : status, reasons: [...reasons, ...own] };
  }

  async stats(): Promise<BusStats> {
    this.#gate.assertOpen("stats");
    const { count, bytes } = this.#publisher.budget;
    const { requestStats: requests } = this.#commands;
    return { pending: { count, bytes }, requests, channels: await this.#stats.read() };
  }

  async scaling(): Promise<ScalingSnapshot> {
    this.#gate.assertOpen("scaling");
    return this.#subscriptions.scaling();
  }

  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs ?? this.#settings.drainTimeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    const { clock, transport } = this.#settings;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    this.#gate.phase = "draining";
    await this.#letters.close();
    const drains = await this.#subscriptions.drain(deadlineMs);
    const areAnswered = await this.#commands.drain(deadlineMs);
    this.#gate.phase = "closed";
    const isStored = await this.#publisher.drain(deadlineMs);
    try {
      await transport.close();
    } finally {
      this.#forgetSignals();
    }
    for (const drain of drains) if (drain.status === "rejected") throw drain.reason;
    const isDone = isStored && areAnswered;
    const inTime = isDone && drains.every((drain) => drain.status === "fulfilled" && drain.value);
    if (!inTime) throw drainError(`bus '${this.name}'`, timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
