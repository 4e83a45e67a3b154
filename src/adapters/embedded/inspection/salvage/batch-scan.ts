// Finds every intact batch of a damaged database by looking at all pages: no index and no page
// above is needed, because a batch's checksum covers its place and its content. Always true: what
// is told matched its checksum; the same batch may be told more than once, newest version first.
import { batchCrc } from "../../journal/format.ts";
import { bodyBytesMax } from "../../journal/format-layout.ts";
import { type Cell, pageBytes, possibleCells, readBtreePage } from "./btree-page.ts";
import type { PageOwners } from "./page-owners.ts";
import { type PageStore, readPayload } from "./page-store.ts";
import { readRecord, readTypes, sizeOf } from "./sqlite-record.ts";

/** A batch as found. */
export interface FoundBatch {
  readonly log: number;
  readonly base: number;
  readonly count: number;
  readonly appendedAtMs: number;
  readonly previousCrc: number;
  readonly crc: number;
  readonly data: Uint8Array;
}

/** Place and checksum of a batch, which stand at the start of its row. */
export type BatchPlace = Pick<FoundBatch, "log" | "base" | "crc">;

/** Pages read at once. */
const pagesAtOnce = 256;
/** Columns of a batch: id, log, base, count, appended_at, previous_crc, crc, given, place, data. */
const columns = 10;
const blobMax = bodyBytesMax * 2;
/** Bytes of a row before its blob, at most. */
const headMax = 128;

/** What a scan tells, page by page. */
export interface ScanStep {
  readonly pagesDone: number;
  readonly pages: number;
  readonly batches: readonly FoundBatch[];
}

/** Scans all pages; `isWanted` says of a place whether the batch there is worth reading. */
export function* scanBatches(
  store: PageStore,
  owners: PageOwners,
  isWanted: (place: BatchPlace) => boolean,
): Generator<ScanStep> {
  const scan = new BatchScan(store, owners, isWanted);
  const frames = store.wal.frames.toReversed();
  const pages = frames.length + store.filePages;
  let pagesDone = 0;
  for (const frame of frames) {
    const batches = [...scan.page(store.framePage(frame), frame.page, !frame.sound)];
    yield { pagesDone: ++pagesDone, pages, batches };
  }
  for (let first = 1; first <= store.filePages; first += pagesAtOnce) {
    const bytes = store.filePagesFrom(first, pagesAtOnce);
    for (let at = 0; at + pageBytes <= bytes.byteLength; at += pageBytes) {
      const page = bytes.subarray(at, at + pageBytes);
      const batches = [...scan.page(page, first + at / pageBytes, false)];
      yield { pagesDone: ++pagesDone, pages, batches };
    }
  }
}

class BatchScan {
  readonly #store: PageStore;
  readonly #owners: PageOwners;
  readonly #isWanted: (place: BatchPlace) => boolean;

  constructor(store: PageStore, owners: PageOwners, isWanted: (place: BatchPlace) => boolean) {
    this.#store = store;
    this.#owners = owners;
    this.#isWanted = isWanted;
  }

  *page(bytes: Uint8Array, number: number, isDamaged: boolean): Generator<FoundBatch> {
    const page = readBtreePage(bytes, number === 1);
    if (page !== undefined && page.kind !== "table") return;
    if (page === undefined && !isDamaged && !this.#shouldBeTree(number)) return;
    // A page above others may have come over a leaf, or have been one: its unused bytes are rows.
    const exact = page?.exact === true && page.leaf && !isDamaged;
    // Where the page's header is wrong, a cell may stand anywhere.
    for (const cell of exact ? page.cells : possibleCells(bytes)) {
      const batch = this.#batch(cell);
      if (batch !== undefined) yield batch;
    }
  }

  #shouldBeTree(page: number): boolean {
    const use = this.#owners.entry(page)?.use;
    return use === "btree" || use === "root";
  }

  #batch(cell: Cell): FoundBatch | undefined {
    const place = placeOf(cell);
    if (place === undefined || !this.#isWanted(place)) return undefined;
    const { newest, damaged, base } = this.#store;
    // Overflow pages too may be those of a damaged frame, or have been overwritten behind it.
    for (const view of [newest, damaged, base]) {
      const payload = readPayload(view, cell, blobMax + headMax);
      const batch = payload === undefined ? undefined : batchOf(payload);
      if (batch !== undefined) return batch;
      if (this.#store.wal.frames.length === 0 || cell.overflow === 0) return undefined;
    }
    return undefined;
  }
}

/** The place of a batch from the first bytes of its row; undefined for rows of other tables. */
function placeOf(cell: Cell): BatchPlace | undefined {
  const types = readTypes(cell.local, columns);
  if (types === undefined || types.list.length !== columns) return undefined;
  const dataType = types.list[columns - 1] as number;
  if (types.list[0] !== 0 || dataType < 12 || dataType % 2 !== 0) return undefined;
  const head = cell.local.subarray(0, Math.min(cell.local.byteLength, headMax));
  const shortened = withoutData(head, types.list, types.bodyAt);
  const [, log, base, , , , crc] = shortened ?? [];
  if (typeof log !== "number" || typeof base !== "number" || typeof crc !== "number") {
    return undefined;
  }
  return { log, base, crc };
}

/** The columns before the blob. */
function withoutData(
  head: Uint8Array,
  types: readonly number[],
  bodyAt: number,
): ReturnType<typeof readRecord> {
  const record = Buffer.alloc(headMax);
  let at = 1;
  for (const type of types.slice(0, -1)) {
    // None of these columns is long: the types fit one byte each.
    if (type > 127) return undefined;
    record[at++] = type;
  }
  record[0] = at;
  const body = head.subarray(bodyAt);
  record.set(body.subarray(0, headMax - at), at);
  const end = at + types.slice(0, -1).reduce((sum, type) => sum + sizeOf(type), 0);
  return end > headMax ? undefined : readRecord(record.subarray(0, end), columns);
}

function batchOf(payload: Uint8Array): FoundBatch | undefined {
  const record = readRecord(payload, columns);
  const [, log, base, count, appendedAtMs, previousCrc, crc, , , data] = record ?? [];
  if (!(data instanceof Uint8Array)) return undefined;
  const head = { log, base, count, appendedAtMs, previousCrc };
  if (!Object.values(head).every((value) => typeof value === "number")) return undefined;
  const found = { ...(head as Record<keyof typeof head, number>), crc: Number(crc), data };
  return batchCrc(found, data) === crc ? found : undefined;
}
