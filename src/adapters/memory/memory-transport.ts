// The transport: channels by name, commit units, the timer of delayed messages, open and close.
// Always true: what a call changes is changed before the call returns its promise, so a unit and an
// append are atomic without further ado; nothing outlives close().
import { ClosedError, SpillwayError, UnsupportedError } from "../../errors/spillway-error.ts";
import type { CancelTimer } from "../../kernel/clock.ts";
import { newId } from "../../kernel/id.ts";
import type { Priority } from "../../message/envelope.ts";
import type { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { CommitResult, CommitUnit } from "../../ports/commit-unit.ts";
import { hasLimits } from "../../ports/channel-limits.ts";
import {
  type CancelOutcome,
  type DelayedIdentity,
  type DelayedPage,
  pageSizeOf,
} from "../../ports/delayed.ts";
import { isInLog } from "../../ports/find-message.ts";
import { assertIncarnation } from "../../ports/incarnation.ts";
import type { RangeStanding, StandingQuery } from "../../ports/message-standing.ts";
import { channelInUse } from "../../ports/removal.ts";
import type {
  AppendResult,
  ChannelDeclaration,
  ChannelStats,
  Consumer,
  ConsumerOptions,
  StartPosition,
  StoredBatch,
  Transport,
  TransportEnvironment,
  TransportHealth,
} from "../../ports/transport.ts";
import { type DedupeWindow, MemoryChannel, reusedIn, unknownChannel } from "./memory-channel.ts";
import { memoryCapabilities } from "./memory-capabilities.ts";
import { MemoryConsumer } from "./memory-consumer.ts";
import { lookAgainMs } from "./memory-delayed.ts";
import { MemoryGroup } from "./memory-group.ts";
import { readOn } from "./memory-read.ts";
import { MemoryState } from "./memory-state.ts";

/** Bounds of a memory transport. */
export interface MemoryBounds extends DedupeWindow {
  readonly bytesMax: number;
}

/** All of it in this process's memory. */
export class MemoryTransport implements Transport {
  readonly name = "memory";
  readonly capabilities = memoryCapabilities;
  readonly state = new MemoryState();
  readonly dedupeWindowMs: number;
  readonly #bounds: MemoryBounds;
  readonly #channels = new Map<string, MemoryChannel>();
  readonly #closing = new AbortController();
  #environment: TransportEnvironment | undefined;
  #incarnation: string | undefined;
  #cancelTimer: CancelTimer = () => undefined;
  #version = 0;

  constructor(bounds: MemoryBounds) {
    this.#bounds = bounds;
    this.dedupeWindowMs = bounds.dedupeWindowMs;
  }

  async open(environment: TransportEnvironment): Promise<void> {
    if (this.#environment !== undefined) {
      throw new UnsupportedError(
        `bus '${environment.name}': this memory() belongs to bus '${this.#environment.name}', ` +
          "which opened it, and keeps nothing once closed: make one memory() for each bus, or " +
          "use embedded()",
      );
    }
    this.#environment = environment;
    this.#incarnation = newId(environment.clock, environment.random);
  }

  get incarnation(): string | undefined {
    return this.#incarnation;
  }

  async declare(channel: ChannelDeclaration): Promise<void> {
    const { clock } = this.#opened();
    const { name, partitions, compression } = channel;
    if (compression !== "none") {
      throw new UnsupportedError(
        `channel '${name}': memory() does not compress: leave compression out, or use embedded()`,
      );
    }
    const existing = this.#channels.get(name);
    if (existing === undefined) {
      this.#channels.set(name, new MemoryChannel(channel, clock, this.#bounds));
      return;
    }
    if (existing.declaration.partitions !== partitions) {
      throw new SpillwayError(
        "CHANNEL_CONFLICT",
        `channel '${name}' has ${existing.declaration.partitions} partitions, not ${partitions}: ` +
          "declare it as it was created, or choose another name",
      );
    }
    existing.declaration = channel;
  }

  async remove(name: string): Promise<void> {
    this.#opened();
    const channel = this.#channels.get(name);
    if (channel === undefined) return;
    for (const [group, { members }] of channel.groups) {
      if (members.length > 0) throw channelInUse(name, group);
    }
    this.#channels.delete(name);
    this.state.remove(name);
    channel.remove();
  }

  async append(batches: readonly OutgoingBatch[]): Promise<readonly AppendResult[]> {
    this.#opened();
    const channels = batches.map((batch) => this.#channelFor(batch));
    const adding = batches.reduce((sum, batch) => sum + batch.bytes, 0);
    let bytes = adding;
    for (const channel of this.#channels.values()) bytes += channel.bytes;
    if (bytes > this.#bounds.bytesMax) {
      throw new SpillwayError(
        "BACK_PRESSURE",
        `memory() would hold ${bytes} bytes, more than bytesMax ${this.#bounds.bytesMax}: give ` +
          "channels a retention in bytes, raise bytesMax, or use embedded()",
      );
    }
    return this.#store(batches, channels, new Map());
  }

  async room(name: string, signal?: AbortSignal): Promise<number> {
    const channel = this.#channels.get(name);
    const signals = signal === undefined ? [] : [signal];
    const ended = AbortSignal.any([...signals, this.#closing.signal]);
    return channel === undefined ? 1 : channel.limits.room(ended);
  }

  async cancel(
    name: string,
    message: DelayedIdentity,
    signal?: AbortSignal,
  ): Promise<CancelOutcome> {
    this.#opened();
    if (this.#channel(name).cancel(message)) return "cancelled";
    const isThere = await isInLog((options) => this.read(name, options), message, signal);
    return isThere ? "already-delivered" : "unknown";
  }

  async delayed(
    name: string,
    { after, messagesMax }: Parameters<Transport["delayed"]>[1],
  ): Promise<DelayedPage> {
    this.#opened();
    return this.#channel(name).delayed.page(after, pageSizeOf(messagesMax));
  }

  /** The channel of a batch; undefined: the batch is dropped. */
  #channelFor({ channel, isOptional }: OutgoingBatch): MemoryChannel | undefined {
    return isOptional ? this.#channels.get(channel) : this.#channel(channel);
  }

  #store(
    batches: readonly OutgoingBatch[],
    channels: readonly (MemoryChannel | undefined)[],
    full: Map<MemoryChannel, Priority> | undefined,
  ): AppendResult[] {
    const dropped = { firstOffset: -1, isDropped: true };
    const results = batches.map((batch, at) => channels[at]?.append(batch, full) ?? dropped);
    if (batches.some((batch) => batch.dueAtMs !== undefined)) this.#armTimer();
    return results;
  }

  #armTimer(): void {
    const { clock } = this.#opened();
    this.#cancelTimer();
    let dueAtMs = Infinity;
    for (const channel of this.#channels.values()) {
      dueAtMs = Math.min(dueAtMs, channel.delayed.nextDueAtMs ?? Infinity);
    }
    if (dueAtMs === Infinity) return;
    const delayMs = Math.min(Math.max(0, dueAtMs - clock.wallMs()), lookAgainMs);
    const fire = (): void => {
      for (const channel of this.#channels.values()) channel.moveDue();
      this.#armTimer();
    };
    this.#cancelTimer = clock.after(delayMs, fire, { background: true });
  }

  async consume(options: ConsumerOptions): Promise<Consumer> {
    const { clock } = this.#opened();
    const channel = this.#channel(options.channel);
    assertIncarnation(options.from, this.#incarnation);
    const group = channel.groups.get(options.group) ?? new MemoryGroup(channel, options);
    const room = (name: string, signal: AbortSignal) => this.room(name, signal);
    const apply = (from: MemoryConsumer, unit: CommitUnit) => this.#apply(from, unit);
    const consumer = new MemoryConsumer(channel, group, apply, { clock, room });
    group.join(consumer, options.types);
    channel.groups.set(options.group, group);
    return consumer;
  }

  /** Checks everything first, then changes: a refused unit leaves nothing. */
  #apply(consumer: MemoryConsumer, unit: CommitUnit): CommitResult {
    this.#opened();
    const { channel, group } = consumer;
    const scope = { channel: channel.declaration.name, group: group.name };
    const channels = unit.publishes.map((batch) => this.#channelFor(batch));
    if (!group.mayBeSettled(consumer, unit.settlements)) return { kind: "fenced" };
    for (const change of unit.state) {
      if (this.state.isCurrent(scope, change, consumer)) continue;
      return { kind: "conflict", table: change.table, key: change.key };
    }
    const reused = reusedIn(unit.publishes, channels);
    if (reused.length > 0) return { kind: "reused", reused };
    const version = ++this.#version;
    const by = { version, writer: consumer, sequence: unit.sequence };
    for (const change of unit.state) this.state.write(scope, change, by);
    group.settle(consumer, unit.settlements);
    group.expired += unit.expired ?? 0;
    const appended = this.#store(unit.publishes, channels, undefined);
    // Somebody may wait for the room that this made.
    if (hasLimits(channel.declaration.limits)) channel.wake();
    const over = unit.publishes.flatMap(({ channel: name }, at) => {
      return channels[at]?.limits.isOver === true ? [name] : [];
    });
    if (over.length === 0) return { kind: "committed", appended, version };
    return { kind: "committed", appended, version, over: [...new Set(over)] };
  }

  async groups(channel: string): Promise<readonly string[]> {
    return [...this.#channel(channel).groups.keys()].sort();
  }

  read(
    channel: string,
    options: {
      readonly from: StartPosition;
      readonly priority?: Priority;
      readonly follow?: boolean;
      readonly signal?: AbortSignal;
    },
  ): AsyncIterable<StoredBatch> {
    this.#opened();
    const found = this.#channel(channel);
    assertIncarnation(options.from, this.#incarnation);
    const log = found.logs[options.priority ?? "normal"];
    const start = log.offsetOf(options.from);
    const end = options.follow === true ? Infinity : log.endOffset;
    const signals = options.signal === undefined ? [] : [options.signal];
    return readOn(found, log.priority, start, end, [...signals, this.#closing.signal]);
  }

  async stats(): Promise<readonly ChannelStats[]> {
    this.#opened();
    for (const channel of this.#channels.values()) channel.retain();
    return [...this.#channels.values()].map((channel) => channel.stats());
  }

  async standing(query: StandingQuery): Promise<RangeStanding | undefined> {
    return this.#channel(query.channel).groups.get(query.group)?.standing(query);
  }

  health(): TransportHealth {
    if (!this.#closing.signal.aborted) return { status: "ok", reasons: [] };
    return { status: "failed", reasons: ["the transport is closed"] };
  }

  get isReady(): boolean {
    return this.#environment !== undefined && !this.#closing.signal.aborted;
  }

  async ready(): Promise<void> {
    this.#opened();
  }

  async close(): Promise<void> {
    this.#cancelTimer();
    this.#closing.abort();
    for (const { groups } of this.#channels.values()) {
      for (const { members } of groups.values()) {
        while (members[0] !== undefined) await members[0].close();
      }
    }
  }

  #opened(): TransportEnvironment {
    if (this.#environment === undefined || this.#closing.signal.aborted) {
      throw new ClosedError("memory() is not open: it is used between open() and close()");
    }
    return this.#environment;
  }

  #channel(name: string): MemoryChannel {
    this.#opened();
    const channel = this.#channels.get(name);
    if (channel !== undefined) return channel;
    throw unknownChannel(name, this.#channels.keys());
  }
}
