// The message as a handler sees it: type, version and data are its own, everything else is read
// from the stored batch when asked for. Knows nothing of settlement. Always true: what a getter
// gives never changes; the data belongs to this delivery alone, so a handler that writes to it (the
// types forbid it) harms nobody else.
import { inspect } from "node:util";
import type { Message } from "../contracts/contract.ts";
import type { StoredBatch } from "../ports/delivery-batch.ts";
import { StoredEnvelope } from "./stored-envelope.ts";

/** One delivered message; see Message for what the members mean. */
export class ReceivedMessage extends StoredEnvelope implements Message<string, number, unknown> {
  readonly type: string;
  readonly version: number;
  readonly data: unknown;

  constructor(type: string, version: number, data: unknown, stored: StoredBatch, record: number) {
    super(stored, record);
    this.type = type;
    this.version = version;
    this.data = data;
  }

  override get correlationId(): string {
    return super.correlationId ?? this.id;
  }

  /** Every member as plain data, in a fixed order; absent ones are left out by JSON. */
  toJSON(): Message<string, number, unknown> {
    const { type, version, data, id, source, subject, timeMs, key, sequence, priority } = this;
    const { correlationId, causationId, traceparent, tracestate, expiresAtMs } = this;
    const { replyTo, tenant, extensions, channel, offset } = this;
    const place = { channel, priority, offset };
    const envelope = { type, version, id, source, subject, timeMs, key, sequence };
    const context = { correlationId, causationId, traceparent, tracestate, expiresAtMs };
    return { ...place, ...envelope, ...context, replyTo, tenant, extensions, data };
  }

  /** What console.log shows. */
  [inspect.custom](_depth: number, options: object): string {
    return `Message ${inspect(this.toJSON(), options)}`;
  }
}
