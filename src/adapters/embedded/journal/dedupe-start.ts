// Where a new table of given ids starts: the latest batches of a channel, over all its lanes, as
// far back as the window goes by time and by count. Reads batch rows, never their data. Always
// true: no batch that is left out is later than one that is taken in.
import type { LogHead } from "./catalog.ts";
import type { Writer } from "./writer.ts";

/** How long and how many given ids are remembered per channel. */
export interface DedupeLimits {
  readonly windowMs: number;
  readonly countMax: number;
}

interface GivenRow {
  base: number;
  count: number;
  appended_at: number;
}

/** By lane: from which base on batches belong to the window. */
export function firstBases(
  writer: Writer,
  heads: readonly LogHead[],
  limits: DedupeLimits,
  nowMs: number,
): number[] {
  const since = nowMs - limits.windowMs;
  const bases = [0, 0, 0];
  const lanes = heads.map((head) => {
    bases[head.lane] = head.end;
    return { head, batch: givenBefore(writer, head.id, head.end) };
  });
  for (let ids = 0; ids < limits.countMax; ) {
    lanes.sort((left, right) => storedAt(right.batch) - storedAt(left.batch));
    const newest = lanes[0];
    if (newest?.batch === undefined || newest.batch.appended_at < since) break;
    const { base, count } = newest.batch;
    bases[newest.head.lane] = base;
    ids += count;
    newest.batch = givenBefore(writer, newest.head.id, base);
  }
  return bases;
}

function givenBefore(writer: Writer, log: number, base: number): GivenRow | undefined {
  return writer.one<GivenRow>(
    "SELECT base, count, appended_at FROM batch WHERE log = ? AND given = 1 AND base < ? " +
      "ORDER BY base DESC LIMIT 1",
    log,
    base,
  );
}

function storedAt(batch: GivenRow | undefined): number {
  return batch?.appended_at ?? -1;
}
