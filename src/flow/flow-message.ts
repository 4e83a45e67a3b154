// What a rule of flow control sees of a message: its envelope, read when asked for. The data is not
// there, because rules are asked before it is decoded.
import type { MessageAttributes, Priority } from "../message/envelope.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";

/** The envelope of a message that waits. */
export interface FlowMessage {
  readonly type: string;
  readonly version: number;
  readonly id: string;
  readonly source: string;
  readonly key: string | undefined;
  readonly subject: string | undefined;
  readonly tenant: string | undefined;
  readonly correlationId: string | undefined;
  readonly priority: Priority;
  /** The producer's time, wall ms. */
  readonly timeMs: number;
  readonly extensions: Readonly<Record<string, string | number | boolean>>;
}

const noExtensions: Readonly<Record<string, never>> = Object.freeze({});

/** A record of a stored batch as rules see it. */
export class StoredFlowMessage implements FlowMessage {
  readonly #stored: StoredBatch;
  readonly #record: number;
  #attributes: MessageAttributes | undefined;

  constructor(stored: StoredBatch, record: number) {
    this.#stored = stored;
    this.#record = record;
  }

  get type(): string {
    return this.#stored.templateAt(this.#record).type;
  }

  get version(): number {
    return this.#stored.templateAt(this.#record).version;
  }

  get id(): string {
    return this.#stored.idAt(this.#record);
  }

  get source(): string {
    return this.#stored.templateAt(this.#record).source;
  }

  get key(): string | undefined {
    return this.#stored.keyAt(this.#record);
  }

  get subject(): string | undefined {
    return this.#all.subject;
  }

  get tenant(): string | undefined {
    return this.#all.tenant;
  }

  get correlationId(): string | undefined {
    return this.#all.correlationId;
  }

  get priority(): Priority {
    return this.#stored.priority;
  }

  get timeMs(): number {
    return this.#stored.timeAt(this.#record);
  }

  get extensions(): Readonly<Record<string, string | number | boolean>> {
    return this.#all.extensions ?? noExtensions;
  }

  get #all(): MessageAttributes {
    return (this.#attributes ??= this.#stored.attributesAt(this.#record));
  }
}
