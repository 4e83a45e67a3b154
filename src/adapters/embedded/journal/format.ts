// The stored format of batches and small rows (docs/adr/0001) in one place: what others of this
// adapter import. The parts stand in the format-*.ts files beside this one.
export {
  assembleBatch,
  type BatchRecord,
  mergeBatches,
  subsetBatch,
  viewOf,
} from "./format-assemble.ts";
export { batchCrc, type BatchHead, checkBatchCrc, checkRowCrc, rowCrc } from "./format-crc.ts";
export { compressBatch, encodeBatch } from "./format-encode.ts";
export { batchFormatVersion, damaged, readLayout, recordFlags } from "./format-layout.ts";
export { decodeOpen, encodeOpen, openCount, type OpenListEntry } from "./format-open.ts";
export { type BatchPlace, BatchView } from "./format-view.ts";
