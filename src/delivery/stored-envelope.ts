// The envelope of a stored record, each part read when asked for. Knows neither the data nor
// settlement. Always true: what a getter gives never changes.
import type {
  MessageAttributes,
  MessageTemplate,
  Priority,
  TextAttribute,
} from "../message/envelope.ts";
import { sequenceNumber } from "../message/sequence.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";

const noExtensions: Readonly<Record<string, never>> = Object.freeze({});

/** What every view of a stored message has; see Message for what the members mean. */
export class StoredEnvelope {
  readonly #stored: StoredBatch;
  readonly #record: number;
  #attributes: MessageAttributes | undefined;

  constructor(stored: StoredBatch, record: number) {
    this.#stored = stored;
    this.#record = record;
  }

  /** What the message has in common with others of its contract and source. */
  protected get template(): MessageTemplate {
    return this.#stored.templateAt(this.#record);
  }

  get id(): string {
    return this.#stored.idAt(this.#record);
  }

  get source(): string {
    return this.template.source;
  }

  get subject(): string | undefined {
    return this.#text("subject");
  }

  get timeMs(): number {
    return this.#stored.timeAt(this.#record);
  }

  get key(): string | undefined {
    return this.#stored.keyAt(this.#record);
  }

  get sequence(): number | undefined {
    const { sequence } = this.#all;
    return sequence === undefined ? undefined : sequenceNumber(sequence);
  }

  get priority(): Priority {
    return this.#stored.priority;
  }

  get correlationId(): string | undefined {
    return this.#text("correlationId");
  }

  get causationId(): string | undefined {
    return this.#text("causationId");
  }

  get traceparent(): string | undefined {
    return this.#text("traceparent");
  }

  get tracestate(): string | undefined {
    return this.#text("tracestate");
  }

  get expiresAtMs(): number | undefined {
    return this.#all.expiresAtMs;
  }

  get replyTo(): string | undefined {
    return this.#text("replyTo");
  }

  get tenant(): string | undefined {
    return this.#text("tenant");
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

  #text(name: TextAttribute): string | undefined {
    const stored = this.#stored;
    if (this.#attributes !== undefined || stored.textAttributeAt === undefined) {
      return this.#all[name];
    }
    return stored.textAttributeAt(this.#record, name);
  }

  get #all(): MessageAttributes {
    return (this.#attributes ??= this.#stored.attributesAt(this.#record));
  }
}
