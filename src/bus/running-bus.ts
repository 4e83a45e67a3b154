// The bus: wiring only. It connects the publisher, the registry, groups, streams and the transport,
// and closes them in order. Always true: after close() nothing of it runs and nothing is accepted.
import { AsyncLocalStorage } from "node:async_hooks";
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyContract, MessageOf } from "../contracts/contract.ts";
import { deadLetterChannelOf, invalidChannelOf } from "../contracts/names.ts";
import type { HandlerScope } from "../delivery/delivery-options.ts";
import type { Handler, StateSchemas } from "../delivery/handler-context.ts";
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import type { OutcomeOf } from "../requests/outcome.ts";
import type { RequestOptions } from "../requests/request-options.ts";
import type { Bus, BusHealth } from "./bus.ts";
import { BusCommands } from "./bus-commands.ts";
import { BusEncoder } from "./bus-encoder.ts";
import type { BusSettings } from "./bus-options.ts";
import type { BusStats, StatsReader } from "./bus-stats.ts";
import type { ChannelRegistry } from "./channel-registry.ts";
import type { MemberEnvironment } from "./group-member.ts";
import type { HandleOptions } from "./command-handler.ts";
import { GroupRegistry } from "./group-registry.ts";
import type { Delivery } from "./held-delivery.ts";
import type { PublishManyOptions, PublishOptions } from "./publish-options.ts";
import { publishMany } from "./publish-many.ts";
import { Publisher } from "./publisher.ts";
import { BusReader } from "./bus-reader.ts";
import type { ReadEnvelopesOptions, ReadOptions, StoredEnvelope } from "./read-messages.ts";
import { type Receipt, ReceiptWaiter } from "./receipt.ts";
import { type Selectable, selectionOf } from "./selection.ts";
import { drainOnSignals } from "./shutdown-signals.ts";
import type { MessagesOptions, SubscribeOptions } from "./subscribe-options.ts";
import { drainError, type Subscription } from "./subscription.ts";
import { Subscriptions } from "./subscriptions.ts";

/** The one implementation of Bus. */
export class RunningBus implements Bus {
  readonly name: string;
  readonly #settings: BusSettings;
  readonly #registry: ChannelRegistry;
  readonly #publisher: Publisher;
  readonly #reader: BusReader;
  readonly #stats: StatsReader;
  readonly #insideHandler = new AsyncLocalStorage<HandlerScope>();
  readonly #subscriptions: Subscriptions;
  readonly #commands: BusCommands;
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
    const member: MemberEnvironment = {
      settings,
      groups: new GroupRegistry(),
      encoder,
      countersOf,
      insideHandler: this.#insideHandler,
      members: new Set(),
      middleware: settings.use.flatMap((each) => (each.kind === "consume" ? each.run : [])),
      isClosing: () => this.#phase !== "open",
    };
    this.#subscriptions = new Subscriptions(member, registry);
    this.#commands = new BusCommands({
      settings,
      registry,
      publisher: this.#publisher,
      subscriptions: this.#subscriptions,
      encoder,
      insideHandler: this.#insideHandler,
    });
    this.#reader = new BusReader(settings, registry);
    this.#stats = this.#subscriptions.statsReader();
    this.#forgetSignals = drainOnSignals(settings.shutdownSignals, () => this.close());
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

  send(command: AnyCommand, data: unknown, options?: PublishOptions): Promise<Receipt> {
    try {
      this.#assertMayPublish(command, options, "command");
      return this.#commands.send(command, data, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async handle(
    command: AnyCommand,
    optionsOrHandler: HandleOptions | Handler,
    last?: Handler,
  ): Promise<Subscription<StateSchemas>> {
    const [options, handler] = handlerOf("handle", optionsOrHandler, last);
    this.#assertOpen("handle");
    return this.#commands.handle(command, options, handler);
  }

  async request<const Command extends AnyCommand>(
    command: Command,
    data: unknown,
    options?: RequestOptions,
  ): Promise<OutcomeOf<Command>> {
    if (this.#phase !== "open" && this.#insideHandler.getStore() === undefined) {
      this.#assertOpen("request");
    }
    // What a reply decodes to is what its types say: its schema validated it.
    return this.#commands.request(command, data, options) as Promise<OutcomeOf<Command>>;
  }

  #assertMayPublish(
    contract: AnyContract,
    options: PublishManyOptions | undefined,
    kind: "event" | "command" = "event",
  ): void {
    const scope = this.#insideHandler.getStore();
    if (this.#phase !== "open" && (this.#phase === "closed" || scope === undefined)) {
      throw new ClosedError(`'${contract?.type}' was not published: bus '${this.name}' is closed`);
    }
    if (contract?.kind !== kind) {
      const wanted =
        kind === "event"
          ? "publish takes the contract of an event, made by defineEvent()"
          : "send takes a command, made by defineCommand()";
      throw new SpillwayError("INVALID_ARGUMENT", `${wanted}, not ${describe(contract)}`);
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
    const [options, handler] = handlerOf("subscribe", optionsOrHandler, last);
    this.#assertOpen("subscribe");
    return this.#subscriptions.subscribe(selectionOf(this.#registry, selectable), options, handler);
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
    this.#assertOpen("messages");
    return this.#subscriptions.stream(selectionOf(this.#registry, selectable), options);
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
    const { troubles } = this.#subscriptions;
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
    const { requestStats: requests } = this.#commands;
    return { pending: { count, bytes }, requests, channels: await this.#stats.read() };
  }

  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs ?? this.#settings.drainTimeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    const { clock, transport } = this.#settings;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    this.#phase = "draining";
    const drains = await this.#subscriptions.drain(deadlineMs);
    const areAnswered = await this.#commands.drain(deadlineMs);
    this.#phase = "closed";
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

  #assertOpen(call: string): void {
    if (this.#phase === "open") return;
    throw new ClosedError(`${call}: bus '${this.name}' is closed`);
  }
}

/** Options and handler of a call that may be made without options. */
function handlerOf<Options extends object>(
  call: string,
  optionsOrHandler: Options | Handler,
  last: Handler | undefined,
): [Options, Handler] {
  const isShort = typeof optionsOrHandler === "function";
  const handler = isShort ? optionsOrHandler : last;
  if (typeof handler === "function") return [isShort ? ({} as Options) : optionsOrHandler, handler];
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `${call} needs a handler function as its last argument`,
  );
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const { kind, type, name } = value as { kind?: unknown; type?: unknown; name?: unknown };
  if (kind === "command") return `the command '${String(type)}'`;
  return kind === "channel" ? `the channel '${String(name)}'` : "an object";
}
