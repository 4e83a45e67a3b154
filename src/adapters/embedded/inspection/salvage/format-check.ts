// What a repair refuses to read: nothing at all, and a journal of an older format. Always true: a
// damaged header is no reason to refuse, because its rows may all be there.
import { SpillwayError } from "../../../../errors/spillway-error.ts";
import { journalApplicationId } from "../../journal/connection.ts";
import type { PageStore } from "./page-store.ts";

/** Where SQLite's header has the program's number and its format. */
const applicationAt = 68;
const formatAt = 60;
/** One flipped bit makes no other format of this one. */
const formatsRefused: ReadonlySet<number> = new Set([1]);

/** Throws JOURNAL_FORMAT where there is no journal, or one that has to be migrated first. */
export function assertRepairable(store: PageStore, directory: string): void {
  if (store.filePages === 0 && store.wal.frames.length === 0) {
    throw new SpillwayError("JOURNAL_FORMAT", `there is no journal in ${directory}`);
  }
  const header = store.newest.page(1);
  if (header === undefined) return;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const format = view.getUint32(formatAt);
  if (view.getUint32(applicationAt) !== journalApplicationId || !formatsRefused.has(format)) return;
  throw new SpillwayError(
    "JOURNAL_FORMAT",
    `the journal in ${directory} has format ${format}, whose rows repair does not know: let a ` +
      "service open it once, which brings it up to date, then repair it. Where that is refused " +
      "because the journal is damaged, restore a backup, or go on reading it as it is: " +
      "`spillway verify` says what is readable. Nothing was changed",
    { details: { directory, format } },
  );
}
