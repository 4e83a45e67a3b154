// Ids that a unit's outgoing messages use again for other content: looked for before the unit's
// first write, because such a unit is refused as a whole. Decides nothing by itself: what is stored
// is the deduper's to know. Always true: what is not listed here is stored, or repeats what is.
import { type Catalog, laneOf } from "./catalog.ts";
import type { Deduper } from "./dedupe.ts";
import { sameContent, type StoredRecord } from "./dedupe-record.ts";
import type { EncodedAppend } from "./engine.ts";
import { recordFlags, viewOf } from "./format.ts";

/** Where such a message is: index of the append, index of the record. */
export type ReusedPlace = readonly [append: number, record: number];

/** The messages of a unit whose id was given before, stored or in the unit itself. */
export function reusedIn(
  deduper: Deduper,
  catalog: Catalog,
  appends: readonly EncodedAppend[],
  nowMs: number,
): ReusedPlace[] {
  const reused: ReusedPlace[] = [];
  if (!deduper.remembers || !appends.some(({ hasGivenIds }) => hasGivenIds)) return reused;
  const own = new Map<string, StoredRecord>();
  for (const [
    at,
    { channel: name, priority, blob, hasGivenIds, isOptional },
  ] of appends.entries()) {
    if (!hasGivenIds) continue;
    const channel = isOptional ? catalog.find(name) : catalog.channel(name);
    if (channel === undefined) continue;
    const lane = laneOf(priority);
    const view = viewOf(blob);
    for (let record = 0; record < view.count; record++) {
      if ((view.flagsAt(record) & recordFlags.givenId) === 0) continue;
      const found = deduper.check(channel, lane, view, record, nowMs);
      if (found === "ID_REUSED") reused.push([at, record]);
      if (found !== undefined) continue;
      const { source } = view.templateAt(record);
      const { tenant } = view.attributesAt(record);
      const identity = JSON.stringify([name, tenant, source, view.idAt(record)]);
      const first = own.get(identity);
      if (first === undefined) {
        own.set(identity, { view, lane, record, offset: -1, storedAtMs: nowMs });
      } else if (!sameContent(first, view, record, lane)) reused.push([at, record]);
    }
  }
  return reused;
}
