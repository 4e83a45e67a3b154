// When an incoming message repeats a stored one: the same identity decides that, the same
// content tells a repeat from a reused id. Reads batches, knows no tables. Always true:
// fingerprints are never enough here, every comparison is of the stored bytes themselves.
import type { Hit } from "./dedupe-table.ts";
import type { BatchView } from "./format-view.ts";

/** A stored message that may be what an incoming one repeats. */
export interface StoredRecord {
  readonly view: BatchView;
  readonly lane: number;
  readonly record: number;
  readonly offset: number;
  readonly storedAtMs: number;
}

/** The hit lies in the batch that is being checked: its records are not stored yet. */
export function ownRecord(
  view: BatchView,
  hit: Hit,
  keep: readonly number[] | undefined,
  nowMs: number,
): StoredRecord {
  const record = keep === undefined ? hit.index : (keep[hit.index] as number);
  return { view, lane: hit.lane, record, offset: hit.base + hit.index, storedAtMs: nowMs };
}

/** Whether the stored message has the same tenant, source and id, given or counted as given. */
export function sameIdentity(
  stored: StoredRecord,
  view: BatchView,
  index: number,
  countsAsGiven: boolean,
): boolean {
  const { view: other, record } = stored;
  return (
    (countsAsGiven || other.idGivenAt(record)) &&
    other.idAt(record) === view.idAt(index) &&
    other.templateAt(record).source === view.templateAt(index).source &&
    other.attributesAt(record).tenant === view.attributesAt(index).tenant
  );
}

/** What a repeat must have in common besides its id; times and trace context may differ. */
export function sameContent(
  stored: StoredRecord,
  view: BatchView,
  index: number,
  lane: number,
): boolean {
  const { view: other, record } = stored;
  const left = other.templateAt(record);
  const right = view.templateAt(index);
  return (
    stored.lane === lane &&
    left.type === right.type &&
    left.version === right.version &&
    left.contentType === right.contentType &&
    other.keyAt(record) === view.keyAt(index) &&
    Buffer.compare(other.payloadBytesAt(record), view.payloadBytesAt(index)) === 0
  );
}
