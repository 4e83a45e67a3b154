// Channel limits inside the write transaction (docs/adr/0019): how much of an append fits, what is
// said of the rest, and which channels somebody in this process waits for. Always true: what is
// taken for the depth of a channel is never below it; a channel that refused is looked at again
// after every commit, of whatever process, until there is room.
import type { Clock } from "../../../kernel/clock.ts";
import {
  boundsOf,
  DrainRate,
  hasLimits,
  isBehind,
  roomFor,
  type Waiting,
} from "../../../ports/channel-limits.ts";
import type { Priority } from "../../../message/envelope.ts";
import { type Catalog, type Channel, laneOf, priorityOf } from "./catalog.ts";
import type { EngineNotice, EngineRefusal } from "./engine.ts";
import type { PendingRows } from "./pending-rows.ts";
import { Unsettled } from "./unsettled.ts";
import type { Writer, WriterCache } from "./writer.ts";

/** What is known of a channel's depth: an upper bound. */
interface Known {
  depth: number;
  bytes: number;
  /** Whether it was computed since anything was settled. */
  isFresh: boolean;
}

/** See the head of this file. */
export class ChannelLimits implements WriterCache {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #pending: PendingRows;
  readonly #clock: Clock;
  readonly #notify: (notice: EngineNotice) => void;
  readonly #unsettled: Unsettled;
  /** By channel number; void once anybody but this process's units changed something. */
  #known = new Map<number, Known>();
  readonly #rates = new Map<number, DrainRate>();
  /** Channels that refused something of the running unit, and the highest priority of that. */
  readonly #refused = new Map<number, Priority>();
  /** Channels somebody in this process waits for, by name. */
  readonly #awaited = new Set<string>();
  #isTransacting = false;
  #told = 0;
  #lookedAt = 0;
  #isForeign = false;

  constructor(parts: {
    readonly writer: Writer;
    readonly catalog: Catalog;
    readonly pending: PendingRows;
    readonly clock: Clock;
    readonly notify: (notice: EngineNotice) => void;
  }) {
    this.#writer = parts.writer;
    this.#catalog = parts.catalog;
    this.#pending = parts.pending;
    this.#clock = parts.clock;
    this.#notify = parts.notify;
    this.#unsettled = new Unsettled(parts.writer, parts.catalog);
    parts.writer.attach(this);
  }

  begun(foreign: boolean): void {
    if (foreign || !this.#isTransacting) this.#known = new Map();
    for (const known of this.#known.values()) known.isFresh = false;
    this.#refused.clear();
  }

  rolledBack(): void {
    this.#known = new Map();
  }

  /** Runs a transaction of units: what it appends is counted along. */
  counting<Result>(action: () => Result): Result {
    this.#isTransacting = true;
    try {
      return action();
    } finally {
      this.#isTransacting = false;
    }
  }

  /** The next unit of the running transaction. */
  nextUnit(): void {
    this.#refused.clear();
  }

  /** A unit settled something: there may be more room than is known. */
  settled(): void {
    for (const known of this.#known.values()) known.isFresh = false;
  }

  /** How many of `count` messages, `bytes` in all, fit into a channel for this lane. */
  fitting(channel: Channel, lane: number, count: number, bytes: number): number {
    if (!hasLimits(channel.limits)) return count;
    const priority = priorityOf(lane);
    if (isBehind(this.#refused.get(channel.id), priority, channel.limits)) return 0;
    const bounds = boundsOf(channel.limits, priority);
    const bytesEach = bytes / count;
    let known = this.#known.get(channel.id) ?? this.#measure(channel);
    if (roomFor(bounds, known, bytesEach) < count && !known.isFresh) known = this.#measure(channel);
    return Math.min(count, roomFor(bounds, known, bytesEach));
  }

  /** So much was stored in a channel. */
  took(channel: Channel, count: number, bytes: number): void {
    const known = this.#known.get(channel.id);
    if (known === undefined) return;
    known.depth += count;
    known.bytes += bytes;
  }

  /** What is said to whom a channel refused so many messages; it is told when there is room. */
  refusal(channel: Channel, lane: number, count: number): EngineRefusal {
    const { limits = {} } = channel;
    if (!isBehind(this.#refused.get(channel.id), priorityOf(lane), limits)) {
      this.#refused.set(channel.id, priorityOf(lane));
    }
    // With shedding nobody waits: who is refused tries again, or not.
    if (limits.isShedding !== true) this.#awaited.add(channel.name);
    const { depth, bytes } = this.#known.get(channel.id) ?? this.#measure(channel);
    const retryAfterMs = this.#rateOf(channel).retryAfterMs(count);
    const waiting = { depth, bytes };
    return {
      full: { channel: channel.name, priority: priorityOf(lane), limits, waiting, retryAfterMs },
      told: this.#told,
    };
  }

  /** Which of these channels are above their limits now; they are told of when there is room. */
  over(names: Iterable<string>): readonly string[] {
    const over: string[] = [];
    for (const name of new Set(names)) {
      const channel = this.#catalog.find(name);
      if (channel === undefined || !hasLimits(channel.limits)) continue;
      const bounds = boundsOf(channel.limits, "high");
      let known = this.#known.get(channel.id) ?? this.#measure(channel);
      if (isAbove(known, bounds) && !known.isFresh) known = this.#measure(channel);
      if (!isAbove(known, bounds)) continue;
      over.push(name);
      this.#awaited.add(name);
    }
    return over;
  }

  /** So many notices of room were given. */
  get told(): number {
    return this.#told;
  }

  /** Another process committed. */
  foreignCommitted(): void {
    this.#isForeign = true;
  }

  /** Whether look() has something to do. */
  get isLookDue(): boolean {
    if (this.#awaited.size === 0) return false;
    return this.#isForeign || this.#writer.commits !== this.#lookedAt;
  }

  /** Tells of channels that have room again; outside of transactions. */
  look(): void {
    this.#isForeign = false;
    this.#lookedAt = this.#writer.commits;
    for (const name of this.#awaited) {
      const channel = this.#catalog.find(name);
      const messages = channel === undefined ? 1 : this.#room(channel);
      if (messages < 1) continue;
      this.#awaited.delete(name);
      this.#notify({ kind: "room", channel: name, messages, number: ++this.#told });
    }
  }

  /** How many messages are likely to fit, as large as those that wait. */
  #room(channel: Channel): number {
    if (!hasLimits(channel.limits)) return Number.MAX_SAFE_INTEGER;
    const waiting = this.waitingIn(channel);
    const bytesEach = waiting.depth === 0 ? 0 : waiting.bytes / waiting.depth;
    const bounds = boundsOf(channel.limits, priorityOf(laneOf("normal")));
    const isAtBytes = waiting.bytes >= bounds.bytes && waiting.depth > 0;
    return isAtBytes ? 0 : Math.min(roomFor(bounds, waiting, bytesEach), Number.MAX_SAFE_INTEGER);
  }

  /** What waits in a channel now; outside of transactions. */
  waitingIn(channel: Channel): Waiting {
    const { depth, bytes, settled } = this.#unsettled.of(channel);
    this.#rateOf(channel).sample(settled, this.#clock.monotonicMs());
    return { depth, bytes };
  }

  #measure(channel: Channel): Known {
    // What earlier units of this transaction settled counts.
    this.#pending.flush();
    const known = { ...this.waitingIn(channel), isFresh: true };
    this.#known.set(channel.id, known);
    return known;
  }

  #rateOf(channel: Channel): DrainRate {
    let rate = this.#rates.get(channel.id);
    if (rate === undefined) this.#rates.set(channel.id, (rate = new DrainRate()));
    return rate;
  }
}

function isAbove(waiting: Waiting, bounds: Waiting): boolean {
  return waiting.depth > bounds.depth || waiting.bytes > bounds.bytes;
}
