// The rest of a batch from one record on, for readers that start in the middle of it. Copies
// nothing. Always true: record `index` here is record `index + first` of the whole batch.
import type { MessageAttributes, MessageTemplate, Priority } from "../../../message/envelope.ts";
import type { StoredBatch } from "../../../ports/transport.ts";

/** A batch without its first records. */
export class TrimmedBatch implements StoredBatch {
  readonly channel: string;
  readonly priority: Priority;
  readonly count: number;
  readonly appendedAtMs: number;
  readonly bytes: number;
  readonly #whole: StoredBatch;
  readonly #first: number;

  constructor(whole: StoredBatch, first: number) {
    this.channel = whole.channel;
    this.priority = whole.priority;
    this.count = whole.count - first;
    this.appendedAtMs = whole.appendedAtMs;
    this.bytes = whole.bytes;
    this.#whole = whole;
    this.#first = first;
  }

  offsetAt(index: number): number {
    return this.#whole.offsetAt(this.#at(index));
  }

  templateAt(index: number): MessageTemplate {
    return this.#whole.templateAt(this.#at(index));
  }

  idAt(index: number): string {
    return this.#whole.idAt(this.#at(index));
  }

  idGivenAt(index: number): boolean {
    return this.#whole.idGivenAt(this.#at(index));
  }

  timeAt(index: number): number {
    return this.#whole.timeAt(this.#at(index));
  }

  keyAt(index: number): string | undefined {
    return this.#whole.keyAt(this.#at(index));
  }

  slotAt(index: number): number {
    return this.#whole.slotAt(this.#at(index));
  }

  attributesAt(index: number): MessageAttributes {
    return this.#whole.attributesAt(this.#at(index));
  }

  payloadTextAt(index: number): string {
    return this.#whole.payloadTextAt(this.#at(index));
  }

  payloadBytesAt(index: number): Uint8Array {
    return this.#whole.payloadBytesAt(this.#at(index));
  }

  payloadSizeAt(index: number): number {
    return this.#whole.payloadSizeAt(this.#at(index));
  }

  #at(index: number): number {
    if (index >= 0 && index < this.count) return index + this.#first;
    throw new RangeError(`record ${index} of a batch of ${this.count}`);
  }
}
