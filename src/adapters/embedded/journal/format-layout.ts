// Where everything stands in a batch blob (docs/adr/0001, "Batch"): the header and the places of
// the columns and of the body. Knows nothing of what the bytes mean. Always true: a layout that
// readLayout() returned lies within its blob, so that no column read can leave the blob.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { idBytes } from "../../../kernel/id.ts";

/** The version of the batch format that this library writes. */
export const batchFormatVersion = 1;
/** Bytes before the columns. */
export const headerBytes = 40;
/** Largest body of a batch after decompression; keeps a damaged header from claiming all memory. */
export const bodyBytesMax = 268_435_456;

/** Bits of the batch's flags. */
export const batchFlags = {
  dense: 1,
  attributes: 2,
  givenIds: 4,
  wideTimes: 8,
  jsonArray: 16,
} as const;
const batchFlagsMax = 31;
/** Bits of a record's flags. */
export const recordFlags = { givenId: 1, key: 2, bytes: 4, expires: 8 } as const;

/** Sizes and kinds that decide where everything stands. */
export interface BatchSizes {
  readonly count: number;
  readonly flags: number;
  readonly compression: number;
  readonly dictionaryBytes: number;
  readonly keyBytes: number;
  readonly attributeBytes: number;
  readonly dataBytes: number;
  /** Bytes of the body as stored: after compression. */
  readonly storedBytes: number;
  readonly firstTimeMs: number;
}

/** Byte positions of the columns and the body; −1 for a column that this batch does not have. */
export interface BatchLayout extends BatchSizes {
  readonly dataEndsAt: number;
  readonly keyEndsAt: number;
  readonly attributeEndsAt: number;
  readonly timesAt: number;
  readonly offsetsAt: number;
  readonly slotsAt: number;
  readonly dictionaryIndexesAt: number;
  readonly recordFlagsAt: number;
  readonly bodyAt: number;
  readonly totalBytes: number;
}

/** The error for bytes that no writer of this library wrote. */
export function damaged(
  what: string,
  details: Readonly<Record<string, unknown>> = {},
): SpillwayError {
  return new SpillwayError(
    "JOURNAL_DAMAGED",
    `a stored batch or row is damaged: ${what}; copy the directory and run 'spillway doctor'`,
    { details },
  );
}

/** Computes all positions from the sizes. */
export function planLayout(sizes: BatchSizes): BatchLayout {
  const { count, flags } = sizes;
  let at = headerBytes + count * idBytes;
  const column = (bytes: number, present = true): number => {
    if (!present) return -1;
    const start = at;
    at += bytes * count;
    return start;
  };
  const wide = (flags & batchFlags.wideTimes) !== 0;
  // Wide times need places divisible by 8, so they come first.
  const wideTimesAt = column(8, wide);
  const dataEndsAt = column(4);
  const keyEndsAt = column(4);
  const attributeEndsAt = column(4, (flags & batchFlags.attributes) !== 0);
  const timesAt = wide ? wideTimesAt : column(4);
  const offsetsAt = column(4, (flags & batchFlags.dense) === 0);
  const slotsAt = column(2);
  const dictionaryIndexesAt = column(2);
  const recordFlagsAt = column(1);
  const bodyAt = Math.ceil(at / 8) * 8;
  return {
    ...sizes,
    dataEndsAt,
    keyEndsAt,
    attributeEndsAt,
    timesAt,
    offsetsAt,
    slotsAt,
    dictionaryIndexesAt,
    recordFlagsAt,
    bodyAt,
    totalBytes: bodyAt + sizes.storedBytes,
  };
}

/** Whether times cannot be kept as whole milliseconds (32 bits) after the first one. */
export function needsWideTimes(count: number, timeAt: (record: number) => number): boolean {
  const first = timeAt(0);
  for (let record = 1; record < count; record++) {
    const delta = timeAt(record) - first;
    if (delta !== (delta | 0)) return true;
  }
  return false;
}

/** Writes the column of times, in the form that the layout has. */
export function writeTimes(
  blob: Uint8Array<ArrayBuffer>,
  layout: BatchLayout,
  timeAt: (record: number) => number,
): void {
  const { count, flags, firstTimeMs, timesAt } = layout;
  if ((flags & batchFlags.wideTimes) !== 0) {
    const times = new Float64Array(blob.buffer, timesAt, count);
    for (let record = 0; record < count; record++) times[record] = timeAt(record);
    return;
  }
  const times = new Int32Array(blob.buffer, timesAt, count);
  for (let record = 0; record < count; record++) times[record] = timeAt(record) - firstTimeMs;
}

/** Writes the header, and zeros where the columns are padded. */
export function writeHeader(blob: Uint8Array<ArrayBuffer>, layout: BatchLayout): void {
  const header = new DataView(blob.buffer, blob.byteOffset, headerBytes);
  header.setUint16(0, batchFormatVersion, true);
  header.setUint8(2, layout.compression);
  header.setUint8(3, layout.flags);
  header.setUint32(4, layout.count, true);
  header.setUint32(8, layout.dictionaryBytes, true);
  header.setUint32(12, layout.keyBytes, true);
  header.setUint32(16, layout.attributeBytes, true);
  header.setUint32(20, layout.dataBytes, true);
  header.setUint32(24, layout.storedBytes, true);
  header.setUint32(28, 0, true);
  header.setFloat64(32, layout.firstTimeMs, true);
  blob.fill(0, layout.recordFlagsAt + layout.count, layout.bodyAt);
}

/** Reads and checks the header against the blob's length; throws JOURNAL_DAMAGED. */
export function readLayout(blob: Uint8Array): BatchLayout {
  if (blob.byteLength < headerBytes) {
    throw damaged(`a batch of ${blob.byteLength} bytes is shorter than its header`);
  }
  const header = new DataView(blob.buffer, blob.byteOffset, headerBytes);
  const version = header.getUint16(0, true);
  const compression = header.getUint8(2);
  const flags = header.getUint8(3);
  if (version !== batchFormatVersion || compression > 1 || flags > batchFlagsMax) {
    throw damaged(`batch format ${version}, compression ${compression}, flags ${flags} is unknown`);
  }
  const layout = planLayout({
    count: header.getUint32(4, true),
    flags,
    compression,
    dictionaryBytes: header.getUint32(8, true),
    keyBytes: header.getUint32(12, true),
    attributeBytes: header.getUint32(16, true),
    dataBytes: header.getUint32(20, true),
    storedBytes: header.getUint32(24, true),
    firstTimeMs: header.getFloat64(32, true),
  });
  if (layout.totalBytes !== blob.byteLength) {
    throw damaged(`a batch of ${blob.byteLength} bytes says it has ${layout.totalBytes}`);
  }
  const rawBytes = rawBodyBytes(layout);
  if (rawBytes > bodyBytesMax || (compression === 0 && rawBytes !== layout.storedBytes)) {
    throw damaged(`a batch body of ${layout.storedBytes} stored bytes says it has ${rawBytes}`);
  }
  return layout;
}

/** Bytes between two records of the data section: a comma, where it is written as a JSON array. */
export function dataGapOf({ flags }: BatchSizes): 0 | 1 {
  return (flags & batchFlags.jsonArray) === 0 ? 0 : 1;
}

/** Bytes of the body before compression. */
export function rawBodyBytes(sizes: BatchSizes): number {
  return sizes.dictionaryBytes + sizes.keyBytes + sizes.attributeBytes + sizes.dataBytes;
}
