// Taking stored ids into a table of fingerprints: those given by publishers, and all ids of batches
// in doubt. Knows nothing of what is being appended. Always true: each range of doubt is taken in
// once per table.
import type { Catalog, Channel } from "./catalog.ts";
import type { StoredRecord } from "./dedupe-record.ts";
import { type FingerprintTable, type Place, timerLane } from "./dedupe-table.ts";
import { type DoubtRow, doubtRowsMax, doubtsAfter } from "./doubts.ts";
import { recordFlags, viewOf } from "./format.ts";
import type { Writer } from "./writer.ts";

interface BatchRow {
  base: number;
  count: number;
  appended_at: number;
  data: Uint8Array;
}

/** Takes in the ids of one batch that their publishers gave, or (`all`) every id. */
export function absorb(
  table: FingerprintTable,
  place: Place,
  data: Uint8Array,
  atMs: number,
  all = false,
): void {
  const view = viewOf(data);
  const words = view.idWords;
  table.startPlace(place, atMs);
  for (let index = 0; index < view.count; index++) {
    const isGiven = (view.flagsAt(index) & recordFlags.givenId) !== 0;
    // A given id of a batch in doubt is in the table already.
    if (isGiven === all) continue;
    table.take(words, index * 4);
    table.add(index);
  }
  table.endPlace(view.count);
}

/** Takes in the ranges of doubt that were noted since the table last looked. */
export function absorbDoubts(
  writer: Writer,
  catalog: Catalog,
  channel: Channel,
  window: { readonly table: FingerprintTable; readonly doubts: DoubtRow[] },
): void {
  for (const doubt of doubtsAfter(writer, channel.id, window.doubts.at(-1)?.id ?? 0)) {
    window.doubts.push(doubt);
    if (window.doubts.length > doubtRowsMax) window.doubts.shift();
    if (doubt.lane === timerLane) absorbTimers(writer, channel, doubt, window.table);
    else absorbBatches(writer, catalog, channel, doubt, window.table);
  }
}

function absorbBatches(
  writer: Writer,
  catalog: Catalog,
  channel: Channel,
  { lane, base: from, end }: DoubtRow,
  table: FingerprintTable,
): void {
  const log = catalog.existing(channel, lane)?.id;
  if (log === undefined) return;
  // One row at a time: a range holds few batches, each of up to a quarter of a mebibyte.
  for (let base = from; base < end; ) {
    const row = writer.one<BatchRow>(
      "SELECT base, count, appended_at, data FROM batch " +
        "WHERE log = ? AND base >= ? AND base < ? ORDER BY base LIMIT 1",
      log,
      base,
      end,
    );
    if (row === undefined) return;
    absorb(table, { lane, base: row.base }, row.data, row.appended_at, true);
    base = row.base + row.count;
  }
}

/** Their ids are marked as given; a table that had passed them before has to look again. */
function absorbTimers(
  writer: Writer,
  channel: Channel,
  { base, end }: DoubtRow,
  table: FingerprintTable,
): void {
  const rows = writer.all<{ id: number; accepted_at: number; data: Uint8Array }>(
    "SELECT id, accepted_at, data FROM timer WHERE channel = ? AND id >= ? AND id < ?",
    channel.id,
    base,
    end,
  );
  for (const { id, accepted_at: acceptedAtMs, data } of rows) {
    absorb(table, { lane: timerLane, base: id }, data, acceptedAtMs);
  }
}

/** Whether the stored message lies in a range whose ids all count as given. */
export function isInDoubt(
  window: { readonly doubts: readonly DoubtRow[] } | undefined,
  { lane, offset }: StoredRecord,
): boolean {
  return (
    window?.doubts.some(
      (doubt) => doubt.lane === lane && offset >= doubt.base && offset < doubt.end,
    ) ?? false
  );
}
