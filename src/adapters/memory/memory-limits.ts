// The limits of one channel (docs/adr/0019): what waits in it, what fits, and who waits for room.
// Always true: whoever waits is woken by the change that makes room; what waits is counted anew
// each time.
import type { Clock } from "../../kernel/clock.ts";
import { priorities, type Priority } from "../../message/envelope.ts";
import {
  boundsOf,
  channelFull,
  DrainRate,
  hasLimits,
  roomFor,
  type Waiting,
} from "../../ports/channel-limits.ts";
import type { BackPressureError } from "../../errors/spillway-error.ts";
import type { ChannelDeclaration } from "../../ports/transport.ts";
import type { MemoryGroup } from "./memory-group.ts";
import type { MemoryLog } from "./memory-log.ts";

/** What the limits need of their channel. */
export interface LimitedChannel {
  readonly declaration: ChannelDeclaration;
  readonly isRemoved: boolean;
  readonly logs: Readonly<Record<Priority, MemoryLog>>;
  readonly groups: ReadonlyMap<string, MemoryGroup>;
  readonly delayed: { readonly waiting: Waiting };
  /** Resolves at the next change of the channel, or when `signal` aborts. */
  changed(signal: AbortSignal | undefined): Promise<void>;
}

const nothing: Waiting = { depth: 0, bytes: 0 };

/** See the head of this file. */
export class MemoryLimits {
  readonly #channel: LimitedChannel;
  readonly #clock: Clock;
  readonly #rate = new DrainRate();

  constructor(channel: LimitedChannel, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
  }

  /** What waits now: of the slowest group, or everything while there is none. */
  get waiting(): Waiting {
    const { logs, groups, delayed } = this.#channel;
    const each = [...groups.values()].map((group) => {
      return group.waiting().reduce(sum, nothing);
    });
    const everything = priorities.map((priority) => {
      const { startOffset, endOffset, bytes } = logs[priority];
      return { depth: endOffset - startOffset, bytes };
    });
    const total = everything.reduce(sum, nothing);
    const worst = each.length === 0 ? total : each.reduce(larger);
    const ends = priorities.reduce((count, priority) => count + logs[priority].endOffset, 0);
    this.#rate.sample(ends - worst.depth, this.#clock.monotonicMs());
    return sum(worst, delayed.waiting);
  }

  /** Whether a message of this size finds no room. */
  refuses(priority: Priority, bytes: number): boolean {
    const { limits } = this.#channel.declaration;
    return hasLimits(limits) && roomFor(boundsOf(limits, priority), this.waiting, bytes) < 1;
  }

  /** Whether more waits than the limits say. */
  get isOver(): boolean {
    const { limits } = this.#channel.declaration;
    if (!hasLimits(limits)) return false;
    const bounds = boundsOf(limits, "high");
    const { depth, bytes } = this.waiting;
    return depth > bounds.depth || bytes > bounds.bytes;
  }

  /** What is said to whom so many messages were refused. */
  error(priority: Priority, refused: number): BackPressureError {
    const { name: channel, limits = {} } = this.#channel.declaration;
    const retryAfterMs = this.#rate.retryAfterMs(refused);
    return channelFull({ channel, priority, limits, waiting: this.waiting, retryAfterMs });
  }

  /** Resolves once there is room, with how many messages are likely to fit. */
  async room(signal: AbortSignal): Promise<number> {
    for (;;) {
      signal.throwIfAborted();
      const { isRemoved, declaration } = this.#channel;
      const { limits } = declaration;
      if (isRemoved || !hasLimits(limits)) return Number.MAX_SAFE_INTEGER;
      const { waiting } = this;
      const bytesEach = waiting.depth === 0 ? 0 : waiting.bytes / waiting.depth;
      const messages = roomFor(boundsOf(limits, "normal"), waiting, bytesEach);
      if (messages > 0 && !this.refuses("normal", 1)) return messages;
      await this.#channel.changed(signal);
    }
  }
}

function sum(left: Waiting, right: Waiting): Waiting {
  return { depth: left.depth + right.depth, bytes: left.bytes + right.bytes };
}

function larger(left: Waiting, right: Waiting): Waiting {
  return {
    depth: Math.max(left.depth, right.depth),
    bytes: Math.max(left.bytes, right.bytes),
  };
}
