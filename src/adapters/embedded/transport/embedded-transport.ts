// The transport on the embedded journal: opens and closes the parts and connects them. The work
// is in those parts: group-commit.ts writes, reader.ts reads, group-consumer.ts delivers. Always
// true: what is acknowledged is durable; after close() nothing of this transport keeps the
// process alive.
import { ClosedError, SpillwayError } from "../../../errors/spillway-error.ts";
import type { CancelTimer } from "../../../kernel/clock.ts";
import type { OutgoingBatch } from "../../../message/outgoing-batch.ts";
import type { Capabilities } from "../../../ports/capabilities.ts";
import type { Gap } from "../../../ports/gap.ts";
import { assertIncarnation } from "../../../ports/incarnation.ts";
import type { StateStore } from "../../../ports/state-store.ts";
import type {
  AppendResult,
  ChannelDeclaration,
  ChannelStats,
  Consumer,
  ConsumerOptions,
  StoredBatch,
  Transport,
  TransportEnvironment,
  TransportHealth,
} from "../../../ports/transport.ts";
import { diagnostics, type GroupDiagnostics } from "../../../telemetry/channels.ts";
import { createDirectEngine } from "../journal/direct-engine.ts";
import type { Engine, EngineNotice } from "../journal/engine.ts";
import { engineOptionsOf, type ResolvedOptions } from "../options.ts";
import { ChannelFeeds } from "./channel-feed.ts";
import { GroupCommit } from "./group-commit.ts";
import { JournalHealth } from "./journal-health.ts";
import { Members } from "./members.ts";
import { readLog } from "./read-log.ts";
import { type BatchReader, openReader } from "./reader.ts";
import { StateReader } from "./state-reader.ts";
import { createThreadEngine } from "./thread-engine.ts";

/** What the embedded journal can do. */
export const embeddedCapabilities: Capabilities = Object.freeze({
  durable: "native",
  multiProcess: "native",
  orderByKey: "native",
  individualSettlement: "native",
  atomicUnit: "native",
  deduplication: "native",
  delayedDelivery: "native",
  priority: "native",
  replayFromOffset: "native",
  replayFromTime: "native",
  retention: "native",
  compression: "native",
  channelLimits: "no",
});

/** How often main says that its event loop turns; the port asks for once a second at least. */
const progressMsMax = 1_000;
/** Channels named in the message of UNKNOWN_CHANNEL. */
const namedChannelsMax = 20;

/** Everything that exists while the transport is open. */
interface Parts {
  readonly environment: TransportEnvironment;
  readonly engine: Engine;
  readonly reader: BatchReader;
  readonly feeds: ChannelFeeds;
  readonly state: StateReader;
  readonly groupCommit: GroupCommit;
}

/** Makes the engine that the options ask for. */
export type EngineFactory = (options: ResolvedOptions, environment: TransportEnvironment) => Engine;

const createEngine: EngineFactory = ({ engine }, { clock, random }) =>
  engine === "direct" ? createDirectEngine({ clock, random }) : createThreadEngine();

/** A journal in a directory. */
export class EmbeddedTransport implements Transport {
  readonly name = "embedded";
  readonly capabilities: Capabilities = embeddedCapabilities;
  readonly state: StateStore;
  readonly #options: ResolvedOptions;
  readonly #createEngine: EngineFactory;
  readonly #health = new JournalHealth();
  readonly #members = new Members();
  #parts: Parts | undefined;
  #opened = false;
  #incarnation: string | undefined;
  #closing: Promise<void> | undefined;
  #cancelProgress: CancelTimer | undefined;

  constructor(options: ResolvedOptions, engineFactory: EngineFactory = createEngine) {
    this.#options = options;
    this.#createEngine = engineFactory;
    this.state = {
      read: (scope, table, key) => this.#open().state.read(scope, table, key),
      entries: (scope, table) => this.#open().state.entries(scope, table),
    };
  }

  async open(environment: TransportEnvironment): Promise<void> {
    if (this.#opened) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `embedded(${JSON.stringify(this.#options.directory)}) is opened a second time: ` +
          "make a transport of its own for each bus",
      );
    }
    this.#opened = true;
    const engine = this.#createEngine(this.#options, environment);
    engine.onNotice = (notice) => {
      if (notice.kind === "advanced") this.#parts?.feeds.advanced(notice.logs);
      else if (notice.kind === "health") this.#health.told(notice);
      else if (notice.kind === "group") reportGroup(notice);
      else this.#members.told(notice);
    };
    engine.onStopped = (cause) => this.#failed(cause);
    try {
      const options = engineOptionsOf(this.#options);
      const { isDamaged, incarnation } = await engine.request("open", { options });
      this.#incarnation = incarnation;
      const reader = openReader({ ...this.#options, clock: environment.clock, isDamaged });
      this.#parts = {
        environment,
        engine,
        reader,
        feeds: new ChannelFeeds(reader),
        state: new StateReader(reader.connection),
        groupCommit: new GroupCommit(engine),
      };
    } catch (error) {
      await engine.terminate();
      throw error;
    }
    this.#showProgress();
  }

  get incarnation(): string | undefined {
    return this.#incarnation;
  }

  /** Tells the writer regularly that the event loop turns. */
  #showProgress(): void {
    const { environment, engine } = this.#open();
    engine.progress();
    const delayMs = Math.min(progressMsMax, Math.floor(this.#options.maxBlockedMs / 4));
    const again = (): void => this.#showProgress();
    this.#cancelProgress = environment.clock.after(delayMs, again, { background: true });
  }

  #failed(cause: unknown): void {
    if (this.#closing !== undefined) return;
    const error =
      cause instanceof SpillwayError
        ? cause
        : new SpillwayError(
            "JOURNAL_STOPPED",
            `the writer of ${this.#options.directory} ended unexpectedly: open the journal again`,
            { cause },
          );
    this.#cancelProgress?.();
    this.#health.failed(error);
    this.#members.failed(error);
    this.#parts?.feeds.wakeAll();
  }

  #open(): Parts {
    if (this.#closing === undefined && this.#parts !== undefined) return this.#parts;
    throw new ClosedError(
      `the journal in ${this.#options.directory} is ${this.#closing ? "closed" : "not open yet"}`,
    );
  }

  async declare(channel: ChannelDeclaration): Promise<void> {
    await this.#open().engine.request("declare", { channel });
  }

  async append(batches: readonly OutgoingBatch[]): Promise<readonly AppendResult[]> {
    const { groupCommit } = this.#open();
    for (const { channel } of batches) this.#assertChannel(channel);
    return groupCommit.append(batches);
  }

  #assertChannel(channel: string): void {
    const { reader } = this.#open();
    if (reader.channelId(channel) !== undefined) return;
    const known = reader.channelNames(namedChannelsMax);
    throw new SpillwayError(
      "UNKNOWN_CHANNEL",
      `channel '${channel}' does not exist in ${this.#options.directory}; there are: ` +
        (known.join(", ") || "none"),
      { details: { channel, channels: known } },
    );
  }

  async consume(options: ConsumerOptions): Promise<Consumer> {
    const { channel, group, from, types } = options;
    const { environment, engine, reader, feeds, groupCommit } = this.#open();
    this.#assertChannel(channel);
    assertIncarnation(from, this.#incarnation);
    return this.#members.join(
      () => engine.request("join", { channel, group, from, types }),
      {
        clock: environment.clock,
        engine,
        groupCommit,
        reader,
        feed: feeds.of(channel),
        assertChannel: (name) => this.#assertChannel(name),
        hasChannel: (name) => reader.channelId(name) !== undefined,
      },
      { channel, group },
    );
  }

  async groups(channel: string): Promise<readonly string[]> {
    const { reader } = this.#open();
    this.#assertChannel(channel);
    return reader.groupNames(channel);
  }

  async *read(
    channel: string,
    options: Parameters<Transport["read"]>[1],
  ): AsyncGenerator<StoredBatch | Gap> {
    const { environment, reader, feeds } = this.#open();
    this.#assertChannel(channel);
    assertIncarnation(options.from, this.#incarnation);
    yield* readLog({
      clock: environment.clock,
      reader,
      feed: feeds.of(channel),
      channel,
      priority: options.priority ?? "normal",
      from: options.from,
      follow: options.follow ?? false,
      signal: options.signal,
      assertOpen: () => {
        this.#health.assertAlive();
        this.#open();
      },
    });
  }

  async stats(): Promise<readonly ChannelStats[]> {
    const { channels } = await this.#open().engine.request("stats", {});
    return channels;
  }

  health(): TransportHealth {
    return this.#health.now;
  }

  get isReady(): boolean {
    return this.#closing === undefined && this.#parts !== undefined && this.#health.isReady;
  }

  async ready(signal?: AbortSignal): Promise<void> {
    this.#open();
    await this.#health.ready(signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const parts = this.#parts;
    if (parts === undefined) return;
    const { engine, feeds, groupCommit, reader } = parts;
    this.#cancelProgress?.();
    const failure = this.#health.failure;
    await this.#members.close();
    await groupCommit.idle();
    this.#health.closed();
    feeds.wakeAll();
    reader.close();
    try {
      if (failure === undefined) await engine.request("close", {});
    } finally {
      await engine.terminate();
    }
  }
}

function reportGroup({
  channel,
  group,
  state,
  expiresAtMs,
}: Extract<EngineNotice, { readonly kind: "group" }>): void {
  if (!diagnostics.group.hasSubscribers) return;
  diagnostics.group.publish({ channel, group, state, expiresAtMs } satisfies GroupDiagnostics);
}
