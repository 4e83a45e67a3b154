// The words in which cases are written: drafts of messages and units, single deliveries, and small
// functions over them. Plain data; knows no transport and no time.
import { keySlot, slotCount } from "../../kernel/key-slot.ts";
import type { MessageAttributes, MessageTemplate } from "../../message/envelope.ts";
import type { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { BatchSettlement, Outcome, StateChange } from "../../ports/commit-unit.ts";
import type { DeliveryBatch, OpenEntry } from "../../ports/transport.ts";

/** A message as a case writes it; a plain string is its payload. */
export interface MessageDraft {
  readonly payload: string | Uint8Array;
  readonly key?: string;
  readonly id?: string;
  readonly attributes?: MessageAttributes;
  readonly template?: Partial<MessageTemplate>;
  readonly timeMs?: number;
}

/** One delivered message, by itself. */
export interface Taken {
  readonly batch: DeliveryBatch;
  readonly record: number;
  readonly offset: number;
  readonly payload: string;
  readonly key: string | undefined;
  readonly open: OpenEntry | undefined;
}

/** What a case commits. */
export interface UnitDraft {
  readonly settle?: readonly (readonly [Taken, Outcome])[];
  readonly publishes?: readonly OutgoingBatch[];
  readonly state?: readonly StateChange[];
  readonly expired?: number;
}

/** Done. */
export const acked: Outcome = { kind: "ack" };

/** The template of every message that a case does not say otherwise about. */
export const plainTemplate: MessageTemplate = {
  type: "com.example.thing.happened",
  version: 1,
  source: "contract-suite",
  contentType: "application/json",
};

/** The messages of a delivery batch, one by one. */
export function takenOf(batch: DeliveryBatch): Taken[] {
  return batch.records.map((record) => ({
    batch,
    record,
    offset: batch.stored.offsetAt(record),
    payload: batch.stored.payloadTextAt(record),
    key: batch.stored.keyAt(record),
    open: batch.open?.get(record),
  }));
}

/** Their payloads. */
export function payloadsOf(taken: readonly Taken[]): string[] {
  return taken.map(({ payload }) => payload);
}

/** A key that lies in range `range` of `partitions`. */
export function keyInRange(range: number, partitions: number): string {
  for (let number = 0; ; number++) {
    const key = `key-${number}`;
    if (Math.floor((keySlot(key) * partitions) / slotCount) === range) return key;
  }
}

/** "prefix-0" to "prefix-(count − 1)". */
export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

/** The settlements of a unit, batch by batch. */
export function settlementsOf(settle: readonly (readonly [Taken, Outcome])[]): BatchSettlement[] {
  const byBatch = new Map<DeliveryBatch, { records: number[]; outcomes: Outcome[] }>();
  for (const [{ batch, record }, outcome] of settle) {
    const entry = byBatch.get(batch) ?? { records: [], outcomes: [] };
    entry.records.push(record);
    entry.outcomes.push(outcome);
    byBatch.set(batch, entry);
  }
  return [...byBatch].map(([batch, lists]) => ({ batch, ...lists }));
}
