// The stored messages of one channel and priority, and the batches in which they are handed out.
// Knows nothing of groups. Always true: the offset of a message is startOffset plus its place, is
// given once and never reused; appendedAtMs never goes back.
import { type Random, systemRandom } from "../../kernel/random.ts";
import type { MessageAttributes, MessageTemplate, Priority } from "../../message/envelope.ts";
import { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { StartPosition, StoredBatch, Waiting } from "../../ports/transport.ts";

/** One message as it is kept. */
export interface MemoryMessage {
  readonly template: MessageTemplate;
  readonly id: string;
  readonly idGiven: boolean;
  readonly timeMs: number;
  readonly key: string | undefined;
  readonly slot: number;
  readonly attributes: MessageAttributes | undefined;
  readonly payload: string | Uint8Array;
  readonly payloadBytes: number;
}

/** Takes one message out of a batch on its way in. */
export function messageAt(batch: OutgoingBatch, index: number): MemoryMessage {
  return {
    template: batch.templateAt(index),
    id: batch.idAt(index),
    idGiven: batch.idGivenAt(index),
    timeMs: batch.timeAt(index),
    key: batch.keyAt(index),
    slot: batch.slotAt(index),
    attributes: batch.attributes[index],
    payload: batch.payloads[index] as string | Uint8Array,
    payloadBytes: batch.payloadSizeAt(index),
  };
}

interface Stored {
  readonly message: MemoryMessage;
  readonly appendedAtMs: number;
}

/** An append-only list of messages whose front can be removed. */
export class MemoryLog {
  readonly channel: string;
  readonly priority: Priority;
  startOffset = 0;
  /** Payload bytes kept. */
  bytes = 0;
  #stored: Stored[] = [];

  constructor(channel: string, priority: Priority) {
    this.channel = channel;
    this.priority = priority;
  }

  get endOffset(): number {
    return this.startOffset + this.#stored.length;
  }

  /** Stores one message and returns its offset. */
  append(message: MemoryMessage, wallMs: number): number {
    const appendedAtMs = Math.max(wallMs, this.#stored.at(-1)?.appendedAtMs ?? 0);
    this.#stored.push({ message, appendedAtMs });
    this.bytes += message.payloadBytes;
    return this.endOffset - 1;
  }

  slotAt(offset: number): number {
    return this.#at(offset).message.slot;
  }

  /** What stands at or behind `floor` and is not among the settled. */
  waitingFrom(floor: number, settled: ReadonlySet<number>): Waiting {
    let depth = 0;
    let bytes = 0;
    for (let offset = Math.max(floor, this.startOffset); offset < this.endOffset; offset++) {
      if (settled.has(offset)) continue;
      depth++;
      bytes += this.#at(offset).message.payloadBytes;
    }
    return { depth, bytes };
  }

  appendedAtMs(offset: number): number {
    return this.#at(offset).appendedAtMs;
  }

  /** The offset that a position stands for; a removed one stands for the first that is kept. */
  offsetOf(position: StartPosition): number {
    if (position === "earliest") return this.startOffset;
    if (position === "latest") return this.endOffset;
    if ("offset" in position) return Math.max(position.offset, this.startOffset);
    const place = this.#stored.findIndex((stored) => stored.appendedAtMs >= position.timeMs);
    return place === -1 ? this.endOffset : this.startOffset + place;
  }

  /** The messages at these offsets, ascending, as one batch. */
  batch(offsets: readonly number[]): MemoryBatch {
    const messages = offsets.map((offset) => this.#at(offset).message);
    return new MemoryBatch(this, offsets, messages);
  }

  /** Removes messages before `until` that are too old or too much; the last one always stays. */
  removeOldest(until: number, olderThanMs: number, bytesMax: number): void {
    const countMax = Math.min(until, this.endOffset - 1) - this.startOffset;
    let count = 0;
    for (; count < countMax; count++) {
      const { message, appendedAtMs } = this.#stored[count] as Stored;
      if (appendedAtMs >= olderThanMs && this.bytes <= bytesMax) break;
      this.bytes -= message.payloadBytes;
    }
    this.#stored.splice(0, count);
    this.startOffset += count;
  }

  #at(offset: number): Stored {
    return this.#stored[offset - this.startOffset] as Stored;
  }
}

/** Every id is known already when a batch is read back, so none is made. */
const unusedRandom: Random = systemRandom;

/** Some messages of one log. */
export class MemoryBatch extends OutgoingBatch implements StoredBatch {
  readonly appendedAtMs: number;
  readonly #offsets: readonly number[];
  readonly #messages: readonly MemoryMessage[];

  constructor(log: MemoryLog, offsets: readonly number[], messages: readonly MemoryMessage[]) {
    super(log.channel, log.priority, unusedRandom);
    this.appendedAtMs = log.appendedAtMs(offsets.at(-1) as number);
    this.#offsets = offsets;
    this.#messages = messages;
    for (const { template, payload, timeMs, key, attributes, id } of messages) {
      this.add(template, payload, timeMs, key, attributes, id);
    }
  }

  offsetAt(index: number): number {
    return this.#offsets[index] as number;
  }

  override idGivenAt(index: number): boolean {
    return this.#messages[index]?.idGiven ?? false;
  }
}
