// Packs the outgoing messages of one commit unit into batches: one row of batches per channel,
// priority and kind (at once, delayed, optional), a new one when the last is full. Knows no limits
// of units. Always true: messages of one row keep the order in which they were added; copies follow
// in seal(), in their own.
import type { Random } from "../kernel/random.ts";
import type { MessageAttributes, Priority } from "../message/envelope.ts";
import { OutgoingBatch } from "../message/outgoing-batch.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import type { EncodedMessage } from "./outgoing-encoder.ts";
import type { WindowPlace } from "./window.ts";

interface Filling {
  readonly batch: OutgoingBatch;
  readonly dueAtMs: number[] | undefined;
}

/** An outgoing message with an id of its own, and the message whose handling caused it. */
export interface Origin {
  readonly batch: OutgoingBatch;
  readonly index: number;
  readonly place: WindowPlace;
}

interface Copy {
  readonly channel: string;
  readonly stored: StoredBatch;
  readonly record: number;
  readonly payload: Uint8Array;
  readonly key: string | undefined;
  readonly attributesOf: () => MessageAttributes;
}

/** Batches while they are being filled. */
export class OutgoingPacker {
  readonly batches: OutgoingBatch[] = [];
  /** Who gave ids; only messages with a given id can be refused. */
  readonly origins: Origin[] = [];
  /** Messages added. */
  count = 0;
  /** What they take, in bytes, roughly. */
  bytes = 0;
  readonly #random: Random;
  readonly #filling = new Map<string, Filling>();
  readonly #copies: Copy[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** Adds one encoded message; `place`: the message whose handler published it. */
  add(message: EncodedMessage, place?: WindowPlace): void {
    const { channel, priority, dueAtMs, payload, key, attributes } = message;
    const bytes = payload.length + (key?.length ?? 0);
    const isDelayed = dueAtMs !== undefined;
    const filling = this.#roomFor(channel, priority, isDelayed, bytes, message.isOptional);
    const { batch } = filling;
    const index = batch.add(message.template, payload, message.wallMs, key, attributes, message.id);
    if (place !== undefined && message.id !== undefined) {
      const { batch: from, position } = place;
      this.origins.push({ batch, index, place: { batch: from, position } });
    }
    if (dueAtMs !== undefined) filling.dueAtMs?.push(dueAtMs);
    this.#count(bytes);
  }

  /**
   * Adds a copy of a stored message: same id, template, key, time and bytes, other attributes,
   * which are asked for in seal().
   */
  addCopy(
    channel: string,
    stored: StoredBatch,
    record: number,
    attributesOf: () => MessageAttributes,
  ): void {
    const payload = stored.payloadBytesAt(record);
    const key = stored.keyAt(record);
    this.#copies.push({ channel, stored, record, payload, key, attributesOf });
    this.#count(payload.length + (key?.length ?? 0));
  }

  /**
   * Packs the copies, all at once: few of many messages are set aside, and code that is run seldom
   * runs slowly each time, because processors forget it.
   */
  seal(): void {
    for (const { channel, stored, record, payload, key, attributesOf } of this.#copies.splice(0)) {
      const bytes = payload.length + (key?.length ?? 0);
      const { batch } = this.#roomFor(channel, "normal", false, bytes);
      const { id: _, ...others } = attributesOf();
      const wallMs = stored.timeAt(record);
      const template = stored.templateAt(record);
      batch.add(template, payload, wallMs, key, others, stored.idAt(record), true);
    }
  }

  /** Takes over what was packed before and is to go first, but for the messages in `reused`. */
  carry(packed: OutgoingPacker, reused: readonly Origin[]): void {
    packed.seal();
    const kept = new Map(packed.batches.map((batch) => [batch, withoutReused(batch, reused)]));
    for (const batch of kept.values()) {
      if (batch.count === 0) continue;
      this.batches.push(batch);
      this.count += batch.count;
      this.bytes += batch.bytes;
    }
    for (const origin of packed.origins) {
      if (reused.includes(origin)) continue;
      const { batch, index, place } = origin;
      const before = reused.filter((each) => each.batch === batch && each.index < index).length;
      const now = kept.get(batch) as OutgoingBatch;
      this.origins.push({ batch: now, index: index - before, place });
    }
  }

  #count(bytes: number): void {
    this.count++;
    this.bytes += bytes;
  }

  #roomFor(
    channel: string,
    priority: Priority,
    isDelayed: boolean,
    bytes: number,
    isOptional = false,
  ): Filling {
    const kind = `${priority}${isDelayed ? " delayed " : " "}${isOptional ? "? " : ""}${channel}`;
    const last = this.#filling.get(kind);
    if (last?.batch.hasRoom(bytes) === true) return last;
    const dueAtMs: number[] | undefined = isDelayed ? [] : undefined;
    const batch = new OutgoingBatch(channel, priority, this.#random, dueAtMs, isOptional);
    const filling: Filling = { batch, dueAtMs };
    this.#filling.set(kind, filling);
    this.batches.push(batch);
    return filling;
  }
}

function withoutReused(batch: OutgoingBatch, reused: readonly Origin[]): OutgoingBatch {
  const indexes = reused.filter((each) => each.batch === batch).map(({ index }) => index);
  return indexes.length === 0 ? batch : batch.without(new Set(indexes));
}
