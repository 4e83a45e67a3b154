// Where each batch of a journal stands in its files, and whether a damaged copy of these files
// still has its bytes. Reads pages, not tables.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readBtreePage } from "../../../src/adapters/embedded/inspection/salvage/btree-page.ts";
import { PageStore } from "../../../src/adapters/embedded/inspection/salvage/page-store.ts";
import {
  readRecord,
  readTypes,
  sizeOf,
} from "../../../src/adapters/embedded/inspection/salvage/sqlite-record.ts";
import { frameHeaderBytes, pageBytes } from "../../journal/damage.ts";
import { journalFiles } from "../../journal/damaged-directories.ts";

/** Bytes of one file. */
interface Place {
  readonly file: "database" | "wal";
  readonly from: number;
  readonly to: number;
}

/** A batch, and the bytes without which nobody can have it. */
export interface Placed {
  readonly log: number;
  readonly base: number;
  readonly count: number;
  readonly crc: number;
  readonly places: readonly Place[];
  /** Where the transaction that wrote them ends in the write-ahead log; 0: in the database. */
  readonly walTo: number;
}

/** Columns of a batch: id, log, base, count, appended_at, previous_crc, crc, given, place, data. */
const columns = 10;

/** Every batch of a sound journal, in its newest version. */
export function placesOf(directory: string): Placed[] {
  const store = new PageStore(directory, 0);
  try {
    return [...new PlaceReader(store).batches()];
  } finally {
    store.close();
  }
}

class PlaceReader {
  readonly #store: PageStore;
  /** Page → where its newest version stands in the log, and where its transaction ends. */
  readonly #inLog = new Map<number, { readonly at: number; readonly end: number }>();

  constructor(store: PageStore) {
    this.#store = store;
    let end = 0;
    for (const frame of store.wal.frames.toReversed()) {
      if (frame.databasePages > 0) end = frame.at + pageBytes;
      if (!this.#inLog.has(frame.page)) this.#inLog.set(frame.page, { at: frame.at, end });
    }
  }

  *batches(): Generator<Placed> {
    for (let page = 3; page <= this.#store.newest.pages; page++) {
      const bytes = this.#store.newest.page(page);
      const found = bytes === undefined ? undefined : readBtreePage(bytes);
      if (bytes === undefined || found?.kind !== "table" || !found.leaf) continue;
      for (const cell of found.cells) {
        const head = headOf(cell.local);
        if (head === undefined) continue;
        // The cell begins with two integers of at most nine bytes, and ends with a page number.
        const start = Math.max(0, cell.local.byteOffset - bytes.byteOffset - 18);
        const parts = [this.#part(page, start, cell.local.byteLength + 22)];
        let left = cell.payloadBytes - cell.local.byteLength;
        for (let next = cell.overflow; left > 0 && next !== 0; left -= pageBytes - 4) {
          parts.push(this.#part(next, 0, pageBytes));
          next = Buffer.from(this.#store.newest.page(next) ?? []).readUInt32BE(0);
        }
        const places = parts.flatMap((part) => part.places);
        yield { ...head, places, walTo: Math.max(...parts.map((part) => part.walTo)) };
      }
    }
  }

  #part(page: number, from: number, length: number): Pick<Placed, "places" | "walTo"> {
    const inLog = this.#inLog.get(page);
    const to = Math.min(pageBytes, from + length);
    if (inLog === undefined) {
      const start = (page - 1) * pageBytes;
      return { places: [{ file: "database", from: start + from, to: start + to }], walTo: 0 };
    }
    const { at, end } = inLog;
    const header = { file: "wal", from: at - frameHeaderBytes, to: at } as const;
    const body = { file: "wal", from: at + from, to: at + to } as const;
    return { places: [header, body], walTo: end };
  }
}

/** The columns of a batch before its blob; undefined for rows of other tables. */
function headOf(local: Uint8Array): Omit<Placed, "places" | "walTo"> | undefined {
  const types = readTypes(local, columns);
  if (types?.list.length !== columns || (types.list[columns - 1] as number) < 12) return undefined;
  const list = types.list.slice(0, columns - 1);
  const bytes = list.reduce((sum, type) => sum + sizeOf(type), 0);
  const head = Buffer.from([list.length + 1, ...list]);
  const body = local.subarray(types.bodyAt, types.bodyAt + bytes);
  const [, log, base, count, , , crc] =
    readRecord(Buffer.concat([head, body]), columns - 1)?.map(Number) ?? [];
  if (log === undefined || base === undefined || count === undefined || crc === undefined) {
    return undefined;
  }
  return { log, base, count, crc };
}

/** The bytes of a journal's files. */
export type FileBytes = Readonly<Record<"database" | "wal", Buffer>>;

/** Reads them; nobody in this process may have the journal open. */
export function bytesOf(directory: string): FileBytes {
  const read = (file: keyof FileBytes): Buffer => {
    try {
      return readFileSync(join(directory, journalFiles[file]));
    } catch {
      return Buffer.alloc(0);
    }
  };
  return { database: read("database"), wal: read("wal") };
}

/** Whether a fault changed anything of what this batch needs. */
export function isTouched(
  { places, walTo }: Placed,
  sound: FileBytes,
  damaged: FileBytes,
): boolean {
  if (damaged.wal.length < walTo) return true;
  return places.some(({ file, from, to }) => {
    return !sound[file].subarray(from, to).equals(damaged[file].subarray(from, to));
  });
}
