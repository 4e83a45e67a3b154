// Which files of a directory are of one journal: a database and a write-ahead log of two different
// ones are both sound for themselves, and their batches would be taken for each other's. Always
// true: what is left out is named.
import { metaCrc } from "../../journal/row-checksums.ts";
import type { RepairNotes } from "../repair-report.ts";
import type { TailReading } from "../../journal/tail-file.ts";
import { readBtreePage } from "./btree-page.ts";
import { type ForeignFile, PageStore, type PageView } from "./page-store.ts";
import { readRecord } from "./sqlite-record.ts";

/** The first table that is created has the first page after the map of pages. */
const metaPage = 3;

/** Opens what belongs together; the tail says which of two journals is meant. */
export function openOwnFiles(
  directory: string,
  { tail }: TailReading,
  notes: RepairNotes,
): PageStore {
  const commit = tail?.commit ?? 0;
  const store = new PageStore(directory, commit);
  const [above, below] = [incarnationOf(store.newest), incarnationOf(store.base)];
  const own = tail?.incarnation;
  if (above !== undefined && own !== undefined && own !== above && own !== below) {
    notes.add("other-journal", "the file 'tail' belongs to another journal: it was not used");
  }
  // A database that does not say whose it is may be the tail's; a log of another journal is not.
  const isLogOther = own !== undefined && above !== own && store.filePages >= metaPage;
  if (above === undefined || above === below) return store;
  if (below === undefined && !isLogOther) return store;
  store.close();
  const foreign: ForeignFile = above === own ? "database" : "log";
  const name = foreign === "log" ? "the write-ahead log" : "the database";
  notes.add("other-journal", `${name} belongs to another journal: nothing of it was used`);
  return new PageStore(directory, commit, foreign);
}

/** Where that page is not in its place, another one may have it. */
function incarnationOf(view: PageView): string | undefined {
  const own = incarnationOn(view.page(metaPage));
  for (let page = 1; own === undefined && page <= view.pages; page++) {
    const found = incarnationOn(view.page(page));
    if (found !== undefined) return found;
  }
  return own;
}

function incarnationOn(bytes: Uint8Array | undefined): string | undefined {
  for (const { local } of (bytes && readBtreePage(bytes)?.cells) ?? []) {
    const [name, value, crc] = readRecord(local, 3) ?? [];
    if (name !== "incarnation" || typeof value !== "string") continue;
    if (metaCrc(name, value) === crc) return value;
  }
  return undefined;
}
