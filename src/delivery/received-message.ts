// The message as a handler sees it: type, version and data are its own, everything else is read
// from the stored batch when asked for. Knows nothing of settlement. Always true: what a getter
// gives never changes; the data belongs to this delivery alone, so a handler that writes to it (the
// types forbid it) harms nobody else.
import { inspect } from "node:util";
import type { Message } from "../contracts/contract.ts";
import type { MessageAttributes, Priority } from "../message/envelope.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";

const noExtensions: Readonly<Record<string, never>> = Object.freeze({});

/** One delivered message; see Message for what the members mean. */
export class ReceivedMessage implements Message<string, number, unknown> {
  readonly type: string;
  readonly version: number;
  readonly data: unknown;
  readonly #stored: StoredBatch;
  readonly #record: number;
  #attributes: MessageAttributes | undefined;

  constructor(type: string, version: number, data: unknown, stored: StoredBatch, record: number) {
    this.type = type;
    this.version = version;
    this.data = data;
    this.#stored = stored;
    this.#record = record;
  }

  get id(): string {
    return this.#stored.idAt(this.#record);
  }

  get source(): string {
    return this.#stored.templateAt(this.#record).source;
  }

  get subject(): string | undefined {
    return this.#all.subject;
  }

  get timeMs(): number {
    return this.#stored.timeAt(this.#record);
  }

  get key(): string | undefined {
    return this.#stored.keyAt(this.#record);
  }

  get priority(): Priority {
    return this.#stored.priority;
  }

  get correlationId(): string {
    return this.#all.correlationId ?? this.id;
  }

  get causationId(): string | undefined {
    return this.#all.causationId;
  }

  get traceparent(): string | undefined {
    return this.#all.traceparent;
  }

  get tracestate(): string | undefined {
    return this.#all.tracestate;
  }

  get expiresAtMs(): number | undefined {
    return this.#all.expiresAtMs;
  }

  get replyTo(): string | undefined {
    return this.#all.replyTo;
  }

  get tenant(): string | undefined {
    return this.#all.tenant;
  }

  get extensions(): Readonly<Record<string, string | number | boolean>> {
    return this.#all.extensions ?? noExtensions;
  }

  get channel(): string {
    return this.#stored.channel;
  }

  get offset(): number {
    return this.#stored.offsetAt(this.#record);
  }

  get #all(): MessageAttributes {
    return (this.#attributes ??= this.#stored.attributesAt(this.#record));
  }

  /** Every member as plain data, in a fixed order; absent ones are left out by JSON. */
  toJSON(): Message<string, number, unknown> {
    const { type, version, data, id, source, subject, timeMs, key, priority } = this;
    const { correlationId, causationId, traceparent, tracestate, expiresAtMs } = this;
    const { replyTo, tenant, extensions, channel, offset } = this;
    const place = { channel, priority, offset };
    const envelope = { type, version, id, source, subject, timeMs, key };
    const context = { correlationId, causationId, traceparent, tracestate, expiresAtMs };
    return { ...place, ...envelope, ...context, replyTo, tenant, extensions, data };
  }

  /** What console.log shows. */
  [inspect.custom](_depth: number, options: object): string {
    return `Message ${inspect(this.toJSON(), options)}`;
  }
}
