// New blobs from records of others: leaving repeats out before an append, taking delayed messages
// apart and putting those that are due together. Copies bytes, decodes no data. Always true: the
// result is uncompressed and dense, and its records stand in the order they were given.
import { idBytes } from "../../../kernel/id.ts";
import type { Priority } from "../../../message/envelope.ts";
import { dictionaryEntry } from "./format-encode.ts";
import {
  batchFlags,
  headerBytes,
  needsWideTimes,
  planLayout,
  recordFlags,
  writeHeader,
  writeTimes,
} from "./format-layout.ts";
import { BatchView } from "./format-view.ts";

/** One record of a batch. */
export interface BatchRecord {
  readonly view: BatchView;
  readonly index: number;
}

const sections = ["key", "attribute", "data"] as const;
const nowhere = { channel: "", priority: "normal" as Priority, base: 0, appendedAtMs: 0 };

/** The same batch with only the records at `keep`, ascending indexes. */
export function subsetBatch(blob: Uint8Array, keep: readonly number[]): Uint8Array<ArrayBuffer> {
  const view = new BatchView(blob, nowhere);
  return assembleBatch(keep.map((index) => ({ view, index })));
}

/** One batch with all records of the given ones, in order. */
export function mergeBatches(blobs: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const records: BatchRecord[] = [];
  for (const blob of blobs) {
    const view = new BatchView(blob, nowhere);
    for (let index = 0; index < view.count; index++) records.push({ view, index });
  }
  return assembleBatch(records);
}

/** A view on a blob that is not stored yet: it has no place. */
export function viewOf(blob: Uint8Array): BatchView {
  return new BatchView(blob, nowhere);
}

/** One batch made of the given records; at least one, at most 65,535. */
export function assembleBatch(records: readonly BatchRecord[]): Uint8Array<ArrayBuffer> {
  const count = records.length;
  const entries = new Map<string, number>();
  const indexes = new Uint16Array(count);
  const sizes = { key: 0, attribute: 0, data: 0 };
  let given = 0;
  for (let at = 0; at < count; at++) {
    const { view, index } = records[at] as BatchRecord;
    const entry = dictionaryEntry(view.templateAt(index));
    if (!entries.has(entry)) entries.set(entry, entries.size);
    indexes[at] = entries.get(entry) as number;
    for (const name of sections) sizes[name] += view.recordBytes(name, index).byteLength;
    given |= view.flagsAt(index) & recordFlags.givenId;
  }
  const dictionary = Buffer.from(`[${[...entries.keys()].join(",")}]`, "utf8");
  const timeAt = (at: number): number => {
    const { view, index } = records[at] as BatchRecord;
    return view.timeAt(index);
  };
  const layout = planLayout({
    count,
    flags:
      batchFlags.dense |
      (sizes.attribute === 0 ? 0 : batchFlags.attributes) |
      (given === 0 ? 0 : batchFlags.givenIds) |
      (needsWideTimes(count, timeAt) ? batchFlags.wideTimes : 0),
    compression: 0,
    dictionaryBytes: dictionary.byteLength,
    keyBytes: sizes.key,
    attributeBytes: sizes.attribute,
    dataBytes: sizes.data,
    storedBytes: dictionary.byteLength + sizes.key + sizes.attribute + sizes.data,
    firstTimeMs: timeAt(0),
  });
  const blob = Buffer.allocUnsafeSlow(layout.totalBytes);
  writeHeader(blob, layout);
  writeTimes(blob, layout, timeAt);
  const slots = new Uint16Array(blob.buffer, layout.slotsAt, count);
  new Uint16Array(blob.buffer, layout.dictionaryIndexesAt, count).set(indexes);
  for (let at = 0; at < count; at++) {
    const { view, index } = records[at] as BatchRecord;
    const idAt = headerBytes + index * idBytes;
    blob.set(view.blob.subarray(idAt, idAt + idBytes), headerBytes + at * idBytes);
    slots[at] = view.slotAt(index);
    blob[layout.recordFlagsAt + at] = view.flagsAt(index);
  }
  blob.set(dictionary, layout.bodyAt);
  writeSections(blob, layout, records, layout.bodyAt + dictionary.byteLength);
  return blob;
}

function writeSections(
  blob: Buffer<ArrayBuffer>,
  layout: ReturnType<typeof planLayout>,
  records: readonly BatchRecord[],
  bodyAt: number,
): void {
  const endsAt = {
    key: layout.keyEndsAt,
    attribute: layout.attributeEndsAt,
    data: layout.dataEndsAt,
  };
  let start = bodyAt;
  for (const name of sections) {
    if (endsAt[name] < 0) continue;
    const ends = new Uint32Array(blob.buffer, endsAt[name], records.length);
    let end = 0;
    for (let at = 0; at < records.length; at++) {
      const { view, index } = records[at] as BatchRecord;
      const bytes = view.recordBytes(name, index);
      blob.set(bytes, start + end);
      end += bytes.byteLength;
      ends[at] = end;
    }
    start += end;
  }
}
