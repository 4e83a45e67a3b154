// The transport on the embedded journal: passes each call to the life of the journal that is open
// now. The work is in the parts of that life: group-commit.ts writes, reader.ts reads,
// group-consumer.ts delivers. Always true: what is acknowledged is durable; after close() nothing
// of this transport keeps the process alive.
import { ClosedError, SpillwayError } from "../../../errors/spillway-error.ts";
import type { OutgoingBatch } from "../../../message/outgoing-batch.ts";
import type { Capabilities } from "../../../ports/capabilities.ts";
import {
  type CancelOutcome,
  type DelayedIdentity,
  type DelayedPage,
  pageSizeOf,
} from "../../../ports/delayed.ts";
import { isInLog } from "../../../ports/find-message.ts";
import { type Gap, gapEnd, isGap } from "../../../ports/gap.ts";
import { assertIncarnation } from "../../../ports/incarnation.ts";
import type { RangeStanding, StandingQuery } from "../../../ports/message-standing.ts";
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
import { createDirectEngine } from "../journal/direct-engine.ts";
import { isInterruption } from "../journal/engine.ts";
import { damaged } from "../journal/format.ts";
import type { ResolvedOptions } from "../options.ts";
import type { JournalLife } from "./journal-life.ts";
import { type EngineFactory, JournalLives } from "./journal-lives.ts";
import { readLog } from "./read-log.ts";
import { createThreadEngine } from "./thread-engine.ts";
import { endOf } from "./tracked-batch.ts";

/** What the embedded journal can do. */
export const embeddedCapabilities: Capabilities = Object.freeze({
  durable: "native",
  multiProcess: "native",
  orderByKey: "native",
  individualSettlement: "native",
  atomicUnit: "native",
  deduplication: "native",
  delayedDelivery: "native",
  delayedCancellation: "native",
  priority: "native",
  replayFromOffset: "native",
  replayFromTime: "native",
  retention: "native",
  compression: "native",
  channelLimits: "native",
  channelRemoval: "native",
});

/** Channels named in the message of UNKNOWN_CHANNEL. */
const namedChannelsMax = 20;

const createEngine: EngineFactory = ({ engine }, { clock, random }) =>
  engine === "direct" ? createDirectEngine({ clock, random }) : createThreadEngine();

/** A journal in a directory. */
export class EmbeddedTransport implements Transport {
  readonly name = "embedded";
  readonly capabilities: Capabilities = embeddedCapabilities;
  readonly state: StateStore;
  readonly #options: ResolvedOptions;
  readonly #lives: JournalLives;
  #opened = false;
  #closing: Promise<void> | undefined;

  constructor(options: ResolvedOptions, engineFactory: EngineFactory = createEngine) {
    this.#options = options;
    this.#lives = new JournalLives(options, engineFactory);
    this.state = {
      read: (scope, table, key) => this.#now.state.read(scope, table, key),
      entries: (scope, table) => this.#now.state.entries(scope, table),
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
    await this.#lives.begin(environment);
  }

  get incarnation(): string | undefined {
    return this.#lives.incarnation;
  }

  get dedupeWindowMs(): number {
    return this.#options.dedupeWindowMs;
  }

  /** The journal as it is open now; throws while it is closed, or being opened again. */
  get #now(): JournalLife {
    this.#assertNotClosing();
    return this.#lives.current;
  }

  /** The same, but waits while the journal is being opened again. */
  async #whenOpen(): Promise<JournalLife> {
    this.#assertNotClosing();
    return this.#lives.whenOpen();
  }

  #assertNotClosing(): void {
    if (this.#closing === undefined) return;
    throw new ClosedError(`the journal in ${this.#options.directory} is closed`);
  }

  async declare(channel: ChannelDeclaration): Promise<void> {
    await this.#persistently(({ engine }) => engine.request("declare", { channel }));
  }

  async remove(channel: string): Promise<void> {
    await this.#persistently(({ engine }) => engine.request("remove", { channel }));
  }

  append(batches: readonly OutgoingBatch[]): Promise<readonly AppendResult[]> {
    return this.#persistently((life) => {
      for (const { channel, isOptional } of batches) {
        if (!isOptional) this.#assertChannel(life, channel);
      }
      return life.groupCommit.append(batches);
    });
  }

  async room(channel: string, signal?: AbortSignal): Promise<number> {
    this.#assertNotClosing();
    return this.#lives.rooms.wait(channel, signal);
  }

  async cancel(
    channel: string,
    message: DelayedIdentity,
    signal?: AbortSignal,
  ): Promise<CancelOutcome> {
    const cancelled = await this.#persistently(async (life) => {
      this.#assertChannel(life, channel);
      const number = life.reader.channelId(channel) ?? -1;
      const timers = await life.delayed.candidates(number, message);
      return (await life.engine.request("cancel", { channel, message, timers })).cancelled;
    });
    if (cancelled > 0) return "cancelled";
    // A message never goes back from its log: what is found now had become visible.
    const isThere = await isInLog((options) => this.read(channel, options), message, signal);
    return isThere ? "already-delivered" : "unknown";
  }

  async delayed(
    channel: string,
    { after, messagesMax }: Parameters<Transport["delayed"]>[1],
  ): Promise<DelayedPage> {
    const most = pageSizeOf(messagesMax);
    const life = await this.#whenOpen();
    this.#assertChannel(life, channel);
    const id = life.reader.channelId(channel) ?? -1;
    return life.delayed.page({ id, name: channel }, after, most);
  }

  /** Does something once, in the next life where this one ended before it was begun. */
  async #persistently<Result>(action: (life: JournalLife) => Promise<Result>): Promise<Result> {
    this.#assertNotClosing();
    for (;;) {
      // Where the journal is open the writer is handed its work in the caller's own turn.
      const life = this.#lives.open ?? (await this.#whenOpen());
      try {
        return await action(life);
      } catch (error) {
        if (!isInterruption(error)) throw error;
      }
    }
  }

  #assertChannel({ reader, isDamaged }: JournalLife, channel: string): void {
    if (reader.channelId(channel) !== undefined) return;
    if (isDamaged) throw damaged(`channel '${channel}' is not found any more`, { channel });
    const known = reader.channelNames(namedChannelsMax);
    throw new SpillwayError(
      "UNKNOWN_CHANNEL",
      `channel '${channel}' does not exist in ${this.#options.directory}; there are: ` +
        (known.join(", ") || "none"),
      { details: { channel, channels: known } },
    );
  }

  consume(options: ConsumerOptions): Promise<Consumer> {
    const { channel, group, from, types } = options;
    return this.#persistently((life) => {
      const { environment, engine, reader, feeds, groupCommit, members, rooms } = life;
      this.#assertChannel(life, channel);
      assertIncarnation(from, this.incarnation);
      return members.join(
        () => engine.request("join", { channel, group, from, types }),
        {
          clock: environment.clock,
          engine,
          groupCommit,
          reader,
          feed: feeds.of(channel),
          rooms,
          assertChannel: (name) => this.#assertChannel(life, name),
        },
        { channel, group },
      );
    });
  }

  async groups(channel: string): Promise<readonly string[]> {
    const life = await this.#whenOpen();
    this.#assertChannel(life, channel);
    return life.reader.groupNames(channel);
  }

  async *read(
    channel: string,
    options: Parameters<Transport["read"]>[1],
  ): AsyncGenerator<StoredBatch | Gap> {
    let { from } = options;
    for (;;) {
      this.#assertNotClosing();
      const life = this.#lives.open ?? (await this.#whenOpen());
      this.#assertChannel(life, channel);
      assertIncarnation(from, this.incarnation);
      // Also where it goes on in another life: what is stored from now on is wanted.
      if (from === "latest") from = { offset: life.feeds.endOf(channel, options.priority) };
      try {
        for await (const element of this.#readIn(life, channel, { ...options, from })) {
          yield element;
          from = { offset: isGap(element) ? gapEnd(element) : endOf(element) };
        }
        return;
      } catch (error) {
        // In the next life it goes on behind what it gave.
        if (!isInterruption(error)) throw error;
      }
    }
  }

  #readIn(
    life: JournalLife,
    channel: string,
    { from, priority = "normal", follow = false, signal }: Parameters<Transport["read"]>[1],
  ): AsyncGenerator<StoredBatch | Gap> {
    const { environment, reader, feeds } = life;
    return readLog({
      clock: environment.clock,
      reader,
      feed: feeds.of(channel),
      channel,
      priority,
      from,
      follow,
      signal,
      assertOpen: () => {
        this.#assertNotClosing();
        life.assertAlive();
      },
    });
  }

  async stats(): Promise<readonly ChannelStats[]> {
    const { channels } = await this.#now.engine.request("stats", {});
    return channels;
  }

  async standing(query: StandingQuery): Promise<RangeStanding | undefined> {
    const life = await this.#whenOpen();
    this.#assertChannel(life, query.channel);
    return life.standing.standing(query, life.process);
  }

  health(): TransportHealth {
    return this.#lives.health.now;
  }

  get isReady(): boolean {
    return this.#closing === undefined && this.#lives.health.isReady;
  }

  async ready(signal?: AbortSignal): Promise<void> {
    this.#assertNotClosing();
    await this.#lives.ready(signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#opened ? this.#lives.close() : Promise.resolve();
    return this.#closing;
  }
}
