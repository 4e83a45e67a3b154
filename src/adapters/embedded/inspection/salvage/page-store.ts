// The pages of a journal's database under its write-ahead log, as one reads them without SQLite.
// Three states can be told: the database alone, what SQLite itself would recover, and everything
// that was committed. Always true: a page comes from a frame that is proved sound, or from the
// database file.
import { databasePath, walPath } from "../../journal/directory.ts";
import { pageBytes } from "./btree-page.ts";
import { RawFile } from "./raw-file.ts";
import { readWal, type WalFrame, type WalReading } from "./wal-frames.ts";

/** A file that may be another journal's. */
export type ForeignFile = "database" | "log";

/** A state of the database: its pages by number, from 1. */
export interface PageView {
  readonly pages: number;
  /** The page; undefined behind the end. */
  page(number: number): Uint8Array | undefined;
}

/** See the head of this file. */
export class PageStore {
  readonly #database: RawFile | undefined;
  readonly #log: RawFile | undefined;
  readonly wal: WalReading;
  /** Pages of the database file. */
  readonly filePages: number;
  /** Everything that was committed. */
  readonly newest: PageView;
  /** What stands before the first damage of the write-ahead log. */
  readonly cut: PageView;
  /** The database file alone. */
  readonly base: PageView;
  /** Everything, and damaged pages of the write-ahead log rather than older sound ones. */
  readonly damaged: PageView;
  /** Pages whose last version is damaged in the write-ahead log. */
  readonly lost: ReadonlySet<number>;
  /** Whether some frame is so damaged that nobody knows whose page it was. */
  readonly lostUnknown: boolean;

  /** `without`: a file that is left out, because it is another journal's. */
  constructor(directory: string, commitKnown: number, without?: ForeignFile) {
    this.#database = without === "database" ? undefined : RawFile.open(databasePath(directory));
    this.#log = without === "log" ? undefined : RawFile.open(walPath(directory));
    this.filePages = Math.ceil((this.#database?.bytes ?? 0) / pageBytes);
    this.wal = readWal(this.#log, this.filePages, commitKnown);
    const { frames, cut } = this.wal;
    const last = new Map(frames.map((frame) => [frame.page, frame]));
    const broken = [...last.values()].filter(({ sound }) => !sound).map(({ page }) => page);
    const suspected = frames.map(({ otherPage }) => otherPage).filter((page) => page > 0);
    this.lost = new Set([...broken, ...suspected]);
    this.lostUnknown = frames.some(({ named }) => !named);
    this.newest = this.#view(frames, false);
    this.cut = this.#view(frames.slice(0, cut), false);
    this.base = this.#view([], false);
    this.damaged = this.#view(frames, true);
  }

  /** Whether anything of the write-ahead log is damaged. */
  get isLogDamaged(): boolean {
    return this.wal.frames.some(({ sound }) => !sound);
  }

  /** All versions of a page, newest first, damaged ones too. */
  *versions(page: number): Generator<Uint8Array> {
    for (let index = this.wal.frames.length - 1; index >= 0; index--) {
      const frame = this.wal.frames[index] as WalFrame;
      if (frame.named && frame.page === page) yield this.framePage(frame);
    }
    const bytes = this.filePagesFrom(page, 1);
    if (bytes.byteLength === pageBytes) yield bytes;
  }

  /** A frame's page, damaged or not. */
  framePage(frame: WalFrame): Uint8Array {
    return this.#log?.read(frame.at, pageBytes) ?? new Uint8Array(pageBytes);
  }

  /** Pages of the database file in order, several at once: [number of the first, bytes]. */
  filePagesFrom(first: number, count: number): Uint8Array {
    const bytes = this.#database?.read((first - 1) * pageBytes, count * pageBytes);
    const left = (bytes?.byteLength ?? 0) % pageBytes;
    if (bytes === undefined || left === 0) return bytes ?? new Uint8Array();
    // The file was cut within a page: what is left of it may hold whole rows.
    const padded = new Uint8Array(bytes.byteLength + pageBytes - left);
    padded.set(bytes);
    return padded;
  }

  /** Changes when somebody writes to the files. */
  stamp(): string {
    return `${this.#database?.stamp()} ${this.#log?.stamp()}`;
  }

  /** Closes the files. */
  close(): void {
    this.#database?.close();
    this.#log?.close();
  }

  #view(frames: readonly WalFrame[], damagedToo: boolean): PageView {
    const places = new Map<number, number>();
    let pages = this.filePages;
    for (const frame of frames) {
      if (frame.named && frame.databasePages > 0) pages = frame.databasePages;
      if (frame.sound || (damagedToo && frame.named)) places.set(frame.page, frame.at);
    }
    return {
      pages,
      page: (number) => {
        const at = places.get(number);
        if (at !== undefined) return this.#log?.read(at, pageBytes);
        const bytes = this.filePagesFrom(number, 1);
        return bytes.byteLength === pageBytes ? bytes : undefined;
      },
    };
  }
}

/** A payload that may go on in overflow pages; undefined where the chain ends early. */
export function readPayload(
  view: PageView,
  cell: {
    readonly payloadBytes: number;
    readonly local: Uint8Array;
    readonly overflow: number;
  },
  bytesMax: number,
): Uint8Array | undefined {
  const { payloadBytes, local, overflow } = cell;
  if (payloadBytes > bytesMax) return undefined;
  if (overflow === 0) return local.byteLength === payloadBytes ? local : undefined;
  const payload = new Uint8Array(payloadBytes);
  payload.set(local);
  let at = local.byteLength;
  for (let number = overflow; at < payloadBytes; ) {
    const page = number === 0 ? undefined : view.page(number);
    if (page === undefined) return undefined;
    const part = page.subarray(4, 4 + Math.min(page.byteLength - 4, payloadBytes - at));
    payload.set(part, at);
    at += part.byteLength;
    number = new DataView(page.buffer, page.byteOffset, 4).getUint32(0);
  }
  return payload;
}
