// Checksums of stored rows. A batch's covers its place, its times and every byte, and the
// checksum of the batch before it, so that a missing or misplaced row is found. Always true: a
// row that fails its check is reported as JOURNAL_DAMAGED, never repaired or skipped here.
import { crc32 } from "node:zlib";
import { damaged } from "./format-layout.ts";

/** What a batch row says about its blob. */
export interface BatchHead {
  readonly log: number;
  readonly base: number;
  readonly count: number;
  readonly appendedAtMs: number;
  readonly previousCrc: number;
}

const headWords = new Float64Array(5);
const headBytes = new Uint8Array(headWords.buffer);

/** The checksum of a batch: place, times, the previous batch's checksum, and the whole blob. */
export function batchCrc(head: BatchHead, blob: Uint8Array): number {
  headWords[0] = head.log;
  headWords[1] = head.base;
  headWords[2] = head.count;
  headWords[3] = head.appendedAtMs;
  headWords[4] = head.previousCrc;
  return crc32(blob, crc32(headBytes));
}

/** Throws JOURNAL_DAMAGED unless the batch is what its writer stored. */
export function checkBatchCrc(head: BatchHead, blob: Uint8Array, crc: number): void {
  if (batchCrc(head, blob) === crc) return;
  throw damaged(`batch at offset ${head.base} of log ${head.log} does not match its checksum`, {
    log: head.log,
    offset: head.base,
  });
}

/** The checksum of a small row: its columns in order, then its bytes. */
export function rowCrc(
  columns: readonly (string | number | null)[],
  bytes?: Uint8Array | null,
): number {
  const crc = crc32(columns.join("\u0000"));
  return bytes === undefined || bytes === null ? crc : crc32(bytes, crc);
}

/** Throws JOURNAL_DAMAGED unless the row's checksum is the stored one; `what` names the row. */
export function checkRowCrc(
  what: string,
  crc: number,
  columns: readonly (string | number | null)[],
  bytes?: Uint8Array | null,
): void {
  if (rowCrc(columns, bytes) === crc) return;
  throw damaged(`${what} (${columns.join(", ")}) does not match its checksum`, { row: what });
}
