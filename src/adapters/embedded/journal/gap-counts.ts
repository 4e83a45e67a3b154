// Counts for each group the messages in gaps that its cursors pass. Works inside the write
// transaction. Always true: a log without gaps costs one look into a map; a gap that all ranges
// have passed was counted as many times as it has messages.
import { checkGap, gapColumns, type GapRow } from "./gaps.ts";
import type { PendingRows } from "./pending-rows.ts";
import type { Writer, WriterCache } from "./writer.ts";

/** Logs whose gaps are kept in memory. */
export const gapLogsKnownMax = 4_096;

interface LogGaps {
  readonly partitions: number;
  readonly gaps: readonly { readonly base: number; readonly count: number }[];
}

/** See the head of this file. */
export class GapCounts implements WriterCache {
  readonly #writer: Writer;
  readonly #pending: PendingRows;
  #known = new Map<number, LogGaps>();

  constructor(writer: Writer, pending: PendingRows) {
    this.#writer = writer;
    this.#pending = pending;
    writer.attach(this);
  }

  /** A log that was made again after its loss begins with a gap. */
  rolledBack(): void {
    this.#known = new Map();
  }

  /** A group's cursor is about to be moved to `position`. */
  moving(group: number, log: number, range: number, position: number): void {
    const { gaps, partitions } = this.#known.get(log) ?? this.#read(log);
    if (gaps.length === 0) return;
    const before = this.#pending.position(group, log, range);
    let messages = 0;
    for (const { base, count } of gaps) {
      const end = base + count;
      if (end > before && end <= position) messages += shareOf(count, range, partitions);
    }
    if (messages === 0) return;
    this.#writer.run("UPDATE grp SET lost = lost + ? WHERE id = ?", messages, group);
  }

  #read(log: number): LogGaps {
    const rows = this.#writer.all<GapRow>(
      `SELECT ${gapColumns} FROM gap WHERE log = ? ORDER BY base`,
      log,
    );
    for (const row of rows) checkGap(row);
    const partitions = this.#writer.one<{ partitions: number }>(
      "SELECT partitions FROM channel JOIN log ON log.channel = channel.id WHERE log.id = ?",
      log,
    );
    const known = {
      partitions: partitions?.partitions ?? 1,
      gaps: rows.map(({ base, count }) => ({ base, count })),
    };
    if (this.#known.size >= gapLogsKnownMax) this.#known = new Map();
    this.#known.set(log, known);
    return known;
  }
}

/** A range's part of a gap, as if its messages had been spread evenly. */
function shareOf(count: number, range: number, partitions: number): number {
  const upTo = (ranges: number): number => Math.floor((count * ranges) / partitions);
  return upTo(range + 1) - upTo(range);
}
