// One channel: a log per priority, the window of ids given by publishers, delayed messages, and
// who waits for something new. Always true: a given id is stored once within the window, counted
// from its acceptance, delayed or not; what a group has not settled stays, unless unread is "drop".
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { Clock } from "../../kernel/clock.ts";
import { priorities, type Priority } from "../../message/envelope.ts";
import type { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { ReusedId } from "../../ports/commit-unit.ts";
import { hasLimits, isBehind } from "../../ports/channel-limits.ts";
import type { DelayedIdentity } from "../../ports/delayed.ts";
import type { AppendResult, ChannelDeclaration, ChannelStats } from "../../ports/transport.ts";
import { MemoryDelayed } from "./memory-delayed.ts";
import type { MemoryGroup } from "./memory-group.ts";
import { MemoryLimits } from "./memory-limits.ts";
import { MemoryLog, type MemoryMessage, messageAt } from "./memory-log.ts";

/** How long, and how many, given ids are remembered for each channel. */
export interface DedupeWindow {
  readonly dedupeWindowMs: number;
  readonly dedupeCountMax: number;
}

/** A message with an id of its own, and where it goes. */
export interface Identified {
  readonly message: MemoryMessage;
  readonly priority: Priority;
}

interface Accepted extends Identified {
  readonly acceptedAtMs: number;
  readonly acceptedWallMs: number;
  /** −1 while the message is delayed. */
  offset: number;
}

const dayMs = 86_400_000;
const retentionDaysDefault = 7;

/** A channel's messages and everything that waits for them. */
export class MemoryChannel {
  declaration: ChannelDeclaration;
  isRemoved = false;
  readonly logs: Record<Priority, MemoryLog>;
  readonly groups = new Map<string, MemoryGroup>();
  readonly limits: MemoryLimits;
  readonly delayed: MemoryDelayed<Accepted>;
  readonly #clock: Clock;
  readonly #window: DedupeWindow;
  readonly #accepted = new Map<string, Accepted>();
  readonly #waiting = new Set<() => void>();

  constructor(declaration: ChannelDeclaration, clock: Clock, window: DedupeWindow) {
    const log = (priority: Priority): MemoryLog => new MemoryLog(declaration.name, priority);
    this.declaration = declaration;
    this.logs = { high: log("high"), normal: log("normal"), low: log("low") };
    this.#clock = clock;
    this.#window = window;
    this.limits = new MemoryLimits(this, clock);
    this.delayed = new MemoryDelayed(declaration.name);
  }

  get bytes(): number {
    return priorities.reduce((sum, priority) => sum + this.logs[priority].bytes, 0);
  }

  /**
   * Stores a batch message by message; repeats and refusals become exceptions. `full` has the
   * channels that refused something of the same call, with the highest priority of that, and is
   * added to; undefined: the limits let everything through.
   */
  append(batch: OutgoingBatch, full: Map<MemoryChannel, Priority> | undefined): AppendResult {
    const exceptions = new Map<number, { readonly offset: number } | SpillwayError>();
    const refused: number[] = [];
    const firstOffset = batch.dueAtMs === undefined ? this.logs[batch.priority].endOffset : -1;
    for (let index = 0; index < batch.count; index++) {
      const message = messageAt(batch, index);
      const earlier = message.idGiven ? this.#earlier(message) : undefined;
      if (earlier === undefined) {
        if (this.#refuses(message, batch.priority, full)) refused.push(index);
        else this.#accept(message, batch.priority, batch.dueAtMs?.[index]);
      } else if (isRepeat(earlier, message, batch.priority)) {
        exceptions.set(index, { offset: earlier.offset });
      } else exceptions.set(index, idReused(this.declaration.name, message));
    }
    if (refused.length > 0) {
      const error = this.limits.error(batch.priority, refused.length);
      for (const index of refused) exceptions.set(index, error);
    }
    this.retain();
    this.wake();
    return exceptions.size === 0 ? { firstOffset } : { firstOffset, exceptions };
  }

  /**
   * Messages of a unit's batch whose id stands for other content: by index, the error. `own` has
   * what the unit stores before them, in whatever channel, and is added to.
   */
  reusedIn(batch: OutgoingBatch, own: Map<string, Identified>): Map<number, SpillwayError> {
    const reused = new Map<number, SpillwayError>();
    const { dedupeWindowMs, dedupeCountMax } = this.#window;
    if (!batch.hasGivenIds || dedupeWindowMs === 0 || dedupeCountMax === 0) return reused;
    const { priority } = batch;
    for (let index = 0; index < batch.count; index++) {
      const message = messageAt(batch, index);
      if (!message.idGiven) continue;
      const name = `${this.declaration.name} ${identityOf(message)}`;
      const earlier = this.#earlier(message) ?? own.get(name);
      if (earlier === undefined) own.set(name, { message, priority });
      else if (!isRepeat(earlier, message, priority)) {
        reused.set(index, idReused(this.declaration.name, message));
      }
    }
    return reused;
  }

  #refuses(
    message: MemoryMessage,
    priority: Priority,
    full: Map<MemoryChannel, Priority> | undefined,
  ): boolean {
    if (full === undefined) return false;
    if (isBehind(full.get(this), priority, this.declaration.limits)) return true;
    const refuses = this.limits.refuses(priority, message.payloadBytes);
    if (refuses) full.set(this, priority);
    return refuses;
  }

  #accept(message: MemoryMessage, priority: Priority, dueAtMs: number | undefined): void {
    const acceptedAtMs = this.#clock.monotonicMs();
    const acceptedWallMs = this.#clock.wallMs();
    const times = { acceptedAtMs, acceptedWallMs };
    const accepted: Accepted = { message, priority, ...times, offset: -1 };
    if (message.idGiven) this.#accepted.set(identityOf(message), accepted);
    if (dueAtMs !== undefined) this.delayed.add(dueAtMs, accepted);
    else accepted.offset = this.logs[priority].append(message, this.#clock.wallMs());
  }

  /** Forgets ids beyond the window, then looks this one up. */
  #earlier(message: MemoryMessage): Accepted | undefined {
    const sinceMs = this.#clock.monotonicMs() - this.#window.dedupeWindowMs;
    for (const [identity, accepted] of this.#accepted) {
      const fits = this.#accepted.size <= this.#window.dedupeCountMax;
      if (fits && accepted.acceptedAtMs >= sinceMs) break;
      this.#accepted.delete(identity);
    }
    return this.#accepted.get(identityOf(message));
  }

  /** Takes a delayed message out; whether it was there. */
  cancel(identity: DelayedIdentity): boolean {
    const message = this.delayed.cancel(identity)?.message;
    if (message === undefined) return false;
    if (message.idGiven) this.#accepted.delete(identityOf(message));
    this.wake();
    return true;
  }

  /** Moves delayed messages that are due into their logs. */
  moveDue(): void {
    const wallMs = this.#clock.wallMs();
    const due = this.delayed.takeDue(wallMs);
    if (due.length === 0) return;
    for (const accepted of due) {
      accepted.offset = this.logs[accepted.priority].append(accepted.message, wallMs);
    }
    this.wake();
  }

  /** Removes the oldest messages that retention allows to remove. */
  retain(): void {
    const { days, bytes, unread } = this.declaration.retention;
    const olderThanMs = this.#clock.wallMs() - (days ?? retentionDaysDefault) * dayMs;
    for (const priority of priorities) {
      const log = this.logs[priority];
      const floors = [...this.groups.values()].map((group) => group.floor(priority));
      const until = unread === "drop" ? log.endOffset : Math.min(log.endOffset, ...floors);
      log.removeOldest(until, olderThanMs, bytes ?? Infinity);
      for (const group of this.groups.values()) group.dropBefore(priority, log.startOffset);
    }
  }

  /** Resolves at the next change of this channel, or when `signal` aborts. */
  async changed(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = (): void => {
        signal?.removeEventListener("abort", end);
        this.#waiting.delete(end);
        resolve();
      };
      this.#waiting.add(end);
      signal?.addEventListener("abort", end, { once: true });
    });
  }

  /** Tells whoever reads it that it is gone. */
  remove(): void {
    this.isRemoved = true;
    this.wake();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  /** Tells everybody who waits that something changed. */
  wake(): void {
    for (const end of this.#waiting) end();
  }

  stats(): ChannelStats {
    const wallMs = this.#clock.wallMs();
    const { limits } = this.declaration;
    const logs = priorities.map((priority) => {
      const { startOffset, endOffset, bytes } = this.logs[priority];
      return { priority, startOffset, endOffset, bytes };
    });
    return {
      channel: this.declaration.name,
      partitions: this.declaration.partitions,
      logs: logs.filter((log) => log.endOffset > 0),
      delayed: this.delayed.waiting.depth,
      groups: [...this.groups.values()].map((group) => group.stats(wallMs)),
      ...(hasLimits(limits) ? { limits, waiting: this.limits.waiting } : {}),
    };
  }
}

/** Every message of a unit that must not be stored. */
export function reusedIn(
  batches: readonly OutgoingBatch[],
  channels: readonly (MemoryChannel | undefined)[],
): ReusedId[] {
  const own = new Map<string, Identified>();
  return batches.flatMap((batch, publish) => {
    const reused = channels[publish]?.reusedIn(batch, own) ?? [];
    return Array.from(reused, ([index, error]) => ({ publish, index, error }));
  });
}

/** What makes two messages of a channel the same one: tenant, source and id. */
function identityOf(message: MemoryMessage): string {
  return JSON.stringify([message.attributes?.tenant ?? "", message.template.source, message.id]);
}

function isRepeat(earlier: Identified, message: MemoryMessage, priority: Priority): boolean {
  const first = earlier.message;
  return (
    earlier.priority === priority &&
    first.template.type === message.template.type &&
    first.template.version === message.template.version &&
    first.template.contentType === message.template.contentType &&
    first.key === message.key &&
    Buffer.from(first.payload).equals(Buffer.from(message.payload))
  );
}

function idReused(channel: string, message: MemoryMessage): SpillwayError {
  return new SpillwayError(
    "ID_REUSED",
    `channel '${channel}': id '${message.id}' of source '${message.template.source}' was ` +
      "published before with other content: give every message its own id",
    { details: { channel, id: message.id, source: message.template.source } },
  );
}

/** What whoever asks for a channel that was never declared is told. */
export function unknownChannel(name: string, declared: Iterable<string>): SpillwayError {
  const list = [...declared].join(", ");
  const text = `channel '${name}' does not exist; declared are: ${list}`;
  return new SpillwayError("UNKNOWN_CHANNEL", text);
}
