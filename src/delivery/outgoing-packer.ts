// Packs the outgoing messages of one commit unit into batches: one row of batches per channel,
// priority and kind (at once, delayed, optional), a new one when the last is full. Knows no limits
// of units. Always true: messages of one row keep the order in which they were added.
import type { Random } from "../kernel/random.ts";
import type { MessageAttributes, Priority } from "../message/envelope.ts";
import { OutgoingBatch } from "../message/outgoing-batch.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import type { EncodedMessage } from "./outgoing-encoder.ts";

interface Filling {
  readonly batch: OutgoingBatch;
  readonly dueAtMs: number[] | undefined;
}

/** Batches while they are being filled. */
export class OutgoingPacker {
  readonly batches: OutgoingBatch[] = [];
  /** Messages added. */
  count = 0;
  /** What they take, in bytes, roughly. */
  bytes = 0;
  readonly #random: Random;
  readonly #filling = new Map<string, Filling>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Adds one encoded message. */
  add(message: EncodedMessage): void {
    const { channel, priority, dueAtMs, payload, key, attributes } = message;
    const bytes = payload.length + (key?.length ?? 0);
    const isDelayed = dueAtMs !== undefined;
    const filling = this.#roomFor(channel, priority, isDelayed, bytes, message.isOptional);
    filling.batch.add(message.template, payload, message.wallMs, key, attributes, message.id);
    if (dueAtMs !== undefined) filling.dueAtMs?.push(dueAtMs);
    this.#count(bytes);
  }

  /** Adds a copy of a stored message: same id, template, key, time and bytes, other attributes. */
  addCopy(
    channel: string,
    stored: StoredBatch,
    record: number,
    attributes: MessageAttributes,
  ): void {
    const payload = stored.payloadBytesAt(record);
    const key = stored.keyAt(record);
    const bytes = payload.length + (key?.length ?? 0);
    const { batch } = this.#roomFor(channel, "normal", false, bytes);
    const { id: _, ...others } = attributes;
    const wallMs = stored.timeAt(record);
    const template = stored.templateAt(record);
    batch.add(template, payload, wallMs, key, others, stored.idAt(record), true);
    this.#count(bytes);
  }

  /** Takes over batches that were packed before and are to go first. */
  carry(batches: readonly OutgoingBatch[]): void {
    for (const batch of batches) {
      this.batches.push(batch);
      this.count += batch.count;
      this.bytes += batch.bytes;
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
