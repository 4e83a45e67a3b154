// From an outgoing batch to its blob. Works per batch: all texts of a section are joined and
// written at once; only sections with bytes or non-ASCII text are written record by record.
// Always true: the blob has an ArrayBuffer of its own and may be transferred to another thread.
import { constants, zstdCompressSync } from "node:zlib";
import { idBytes } from "../../../kernel/id.ts";
import type { MessageTemplate } from "../../../message/envelope.ts";
import { jsonCodec } from "../../../message/codec.ts";
import type { OutgoingBatch } from "../../../message/outgoing-batch.ts";
import {
  batchFlags,
  type BatchLayout,
  headerBytes,
  needsWideTimes,
  planLayout,
  readLayout,
  recordFlags,
  writeHeader,
  writeTimes,
} from "./format-layout.ts";

type Section = readonly (string | Uint8Array | undefined)[];

/** One part of the body: its records, and their text in one piece where all of it is ASCII. */
interface PlannedSection {
  readonly records: Section;
  readonly ascii: string | undefined;
  readonly bytes: number;
  /** Bytes between two records, and before the first: 1 for a JSON array, else 0. */
  readonly gap: 0 | 1;
}

const zstdLevel = 1;
const dictionaryEntries = new WeakMap<MessageTemplate, string>();

/** Encodes a batch, uncompressed, with dense offsets. The batch must have at least one message. */
export function encodeBatch(batch: OutgoingBatch): Uint8Array<ArrayBuffer> {
  const count = batch.count;
  const indexes = new Uint16Array(count);
  const dictionary = Buffer.from(dictionaryOf(batch.templates, indexes), "utf8");
  const keys = planSection(batch.keys);
  const attributes = attributesOf(batch);
  const isArray = isJsonArray(batch);
  const data = planSection(batch.payloads, isArray ? 1 : 0);
  const layout = planLayout({
    count,
    flags:
      batchFlags.dense |
      (attributes === undefined ? 0 : batchFlags.attributes) |
      (isArray ? batchFlags.jsonArray : 0) |
      (batch.hasGivenIds ? batchFlags.givenIds : 0) |
      (needsWideTimes(count, (record) => batch.timeAt(record)) ? batchFlags.wideTimes : 0),
    compression: 0,
    dictionaryBytes: dictionary.byteLength,
    keyBytes: keys.bytes,
    attributeBytes: attributes?.bytes ?? 0,
    dataBytes: data.bytes,
    storedBytes: dictionary.byteLength + keys.bytes + (attributes?.bytes ?? 0) + data.bytes,
    firstTimeMs: batch.timeAt(0),
  });
  const blob = Buffer.allocUnsafeSlow(layout.totalBytes);
  writeHeader(blob, layout);
  writeColumns(blob, layout, batch, indexes);
  blob.set(dictionary, layout.bodyAt);
  let at = layout.bodyAt + dictionary.byteLength;
  at = writeSection(blob, at, keys, layout.keyEndsAt);
  if (attributes !== undefined) at = writeSection(blob, at, attributes, layout.attributeEndsAt);
  writeSection(blob, at, data, layout.dataEndsAt);
  return blob;
}

/** The same batch with its body compressed; the given blob where that would not make it smaller. */
export function compressBatch(blob: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const plain = readLayout(blob);
  if (plain.compression !== 0) return blob;
  const body = zstdCompressSync(blob.subarray(plain.bodyAt), {
    params: { [constants.ZSTD_c_compressionLevel]: zstdLevel },
  });
  if (body.byteLength >= plain.storedBytes) return blob;
  const layout = planLayout({ ...plain, compression: 1, storedBytes: body.byteLength });
  const small = Buffer.allocUnsafeSlow(layout.totalBytes);
  small.set(blob.subarray(0, plain.bodyAt));
  writeHeader(small, layout);
  small.set(body, layout.bodyAt);
  return small;
}

/** One entry of the dictionary as JSON; made once per template. */
export function dictionaryEntry(template: MessageTemplate): string {
  let entry = dictionaryEntries.get(template);
  if (entry === undefined) {
    const { type, version, source, contentType, dataSchema } = template;
    entry = JSON.stringify([
      type,
      version,
      source,
      contentType,
      ...(dataSchema === undefined ? [] : [dataSchema]),
    ]);
    dictionaryEntries.set(template, entry);
  }
  return entry;
}

function dictionaryOf(templates: readonly MessageTemplate[], indexes: Uint16Array): string {
  const entries: string[] = [];
  const known = new Map<MessageTemplate, number>();
  let last: MessageTemplate | undefined;
  let lastIndex = 0;
  for (let record = 0; record < indexes.length; record++) {
    const template = templates[record] as MessageTemplate;
    if (template !== last) {
      last = template;
      lastIndex = known.get(template) ?? entries.length;
      if (lastIndex === entries.length) {
        entries.push(dictionaryEntry(template));
        known.set(template, lastIndex);
      }
    }
    indexes[record] = lastIndex;
  }
  return `[${entries.join(",")}]`;
}

function attributesOf(batch: OutgoingBatch): PlannedSection | undefined {
  if (batch.attributes.every((entry) => entry === undefined)) return undefined;
  return planSection(
    batch.attributes.map((entry) => (entry === undefined ? undefined : JSON.stringify(entry))),
  );
}

/**
 * Whether the data is written as one JSON array, which a reader parses in one go: every payload is
 * text that the JSON codec wrote in this process, so each is one JSON value.
 */
function isJsonArray(batch: OutgoingBatch): boolean {
  if (batch.hasCopies) return false;
  let last: MessageTemplate | undefined;
  for (let record = 0; record < batch.count; record++) {
    const template = batch.templates[record] as MessageTemplate;
    if (template !== last && template.contentType !== jsonCodec.contentType) return false;
    last = template;
    if (typeof batch.payloads[record] !== "string") return false;
  }
  return true;
}

function planSection(records: Section, gap: 0 | 1 = 0): PlannedSection {
  if (records.every(isText)) {
    const joined = gap === 1 ? `[${records.join(",")}]` : records.join("");
    // Every unit beyond ASCII takes more than one byte, so equal lengths mean nothing but ASCII.
    if (Buffer.byteLength(joined, "utf8") === joined.length) {
      return { records, ascii: joined, bytes: joined.length, gap };
    }
  }
  let bytes = gap === 1 ? records.length + 1 : 0;
  for (const record of records) bytes += record === undefined ? 0 : byteLength(record);
  return { records, ascii: undefined, bytes, gap };
}

function isText(record: string | Uint8Array | undefined): record is string | undefined {
  return typeof record !== "object";
}

function byteLength(record: string | Uint8Array): number {
  return typeof record === "string" ? Buffer.byteLength(record, "utf8") : record.byteLength;
}

/** Writes one section of the body and its column of ends; returns where the next section starts. */
function writeSection(
  blob: Buffer<ArrayBuffer>,
  start: number,
  section: PlannedSection,
  endsAt: number,
): number {
  const { records, gap } = section;
  const ends = new Uint32Array(blob.buffer, endsAt, records.length);
  let end = 0;
  if (section.ascii !== undefined) {
    blob.write(section.ascii, start, "latin1");
    for (let record = 0; record < records.length; record++) {
      end += gap + (records[record]?.length ?? 0);
      ends[record] = end;
    }
    return start + end + gap;
  }
  for (let record = 0; record < records.length; record++) {
    if (gap === 1) blob[start + end++] = record === 0 ? 0x5b : 0x2c;
    const content = records[record];
    if (typeof content === "string") end += blob.write(content, start + end, "utf8");
    else if (content !== undefined) {
      blob.set(content, start + end);
      end += content.byteLength;
    }
    ends[record] = end;
  }
  if (gap === 1) blob[start + end++] = 0x5d;
  return start + end;
}

function writeColumns(
  blob: Buffer<ArrayBuffer>,
  layout: BatchLayout,
  batch: OutgoingBatch,
  indexes: Uint16Array,
): void {
  const { count } = layout;
  blob.set(batch.ids.subarray(0, count * idBytes), headerBytes);
  writeTimes(blob, layout, (record) => batch.times[record] as number);
  new Uint16Array(blob.buffer, layout.slotsAt, count).set(batch.slots);
  new Uint16Array(blob.buffer, layout.dictionaryIndexesAt, count).set(indexes);
  const given = batch.hasGivenIds;
  for (let record = 0; record < count; record++) {
    let flags = 0;
    if (given && batch.idGivenAt(record)) flags |= recordFlags.givenId;
    if (batch.keys[record] !== undefined) flags |= recordFlags.key;
    if (typeof batch.payloads[record] === "object") flags |= recordFlags.bytes;
    if (batch.attributes[record]?.expiresAtMs !== undefined) flags |= recordFlags.expires;
    blob[layout.recordFlagsAt + record] = flags;
  }
}
