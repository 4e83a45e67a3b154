// Counts what a group has not read of one log while its ranges stand at different offsets. Reads
// only. Always true: exact up to the offset that it says; that is the highest range's, unless more
// than `batchesMax` batches lie between the ranges.
import type { LogHead } from "./catalog.ts";
import { viewOf } from "./format.ts";
import type { Writer } from "./writer.ts";

/** How many batches one count looks into at most. */
export const batchesMax = 256;
/** Batches whose counts by range are remembered. */
const countsKnownMax = 2_048;

/** Where the ranges of a group stand in one log. */
export interface Standing {
  readonly positions: Float64Array;
  readonly lowest: number;
  readonly highest: number;
}

/** What is unread before the highest range. */
export interface Unread {
  readonly messages: number;
  /** When the oldest of them was stored. */
  readonly oldestAtMs: number | undefined;
  /** Up to here it was counted. */
  readonly countedTo: number;
}

interface BatchRow {
  readonly base: number;
  readonly count: number;
  readonly appended_at: number;
}

/** See the head of this file. */
export class UnreadWalk {
  readonly #writer: Writer;
  /** By log and base: how many records each range has in that batch. */
  #counts = new Map<string, Uint32Array>();

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  /** Where a group's ranges stand; one that never settled anything stands at the start. */
  standing(group: number, head: LogHead): Standing {
    const positions = new Float64Array(head.channel.partitions).fill(head.start);
    const rows = this.#writer.all<{ range: number; position: number }>(
      "SELECT range, position FROM cursor WHERE grp = ? AND log = ?",
      group,
      head.id,
    );
    for (const { range, position } of rows) {
      positions[range] = Math.min(Math.max(position, head.start), head.end);
    }
    const lowest = positions.reduce((left, right) => Math.min(left, right));
    const highest = positions.reduce((left, right) => Math.max(left, right));
    return { positions, lowest, highest };
  }

  /** Records below the highest range that stand at or behind the cursor of their own. */
  before(head: LogHead, standing: Standing): Unread {
    const { lowest, highest } = standing;
    let messages = 0;
    let oldestAtMs: number | undefined;
    let at = lowest;
    for (let looked = 0; at < highest && looked < batchesMax; looked++) {
      const row = this.#writer.one<BatchRow>(
        "SELECT base, count, appended_at FROM batch WHERE log = ? AND base + count > ? AND " +
          "base >= coalesce((SELECT max(base) FROM batch WHERE log = ? AND base <= ?), 0) " +
          "ORDER BY base LIMIT 1",
        head.id,
        at,
        head.id,
        at,
      );
      if (row === undefined || row.base >= highest)
        return { messages, oldestAtMs, countedTo: highest };
      const found = this.#unread(head, row, standing);
      if (found > 0) oldestAtMs ??= row.appended_at;
      messages += found;
      at = row.base + row.count;
    }
    return { messages, oldestAtMs, countedTo: Math.min(at, highest) };
  }

  #unread(head: LogHead, { base, count }: BatchRow, { positions, highest }: Standing): number {
    const end = base + count;
    const isCut = end > highest || positions.some((each) => each > base && each < end);
    if (isCut) return this.#unreadOf(head, base, positions, highest);
    const counts = this.#countsOf(head, base);
    let messages = 0;
    for (const [range, position] of positions.entries()) {
      if (position <= base) messages += counts[range] as number;
    }
    return messages;
  }

  /** Record by record: a cursor stands within the batch. */
  #unreadOf(head: LogHead, base: number, positions: Float64Array, highest: number): number {
    const view = viewOf(this.#data(head, base));
    const { partitions } = head.channel;
    let messages = 0;
    for (let record = 0; record < view.count; record++) {
      const offset = base + view.offsetAt(record);
      const range = (view.slotAt(record) * partitions) >>> 16;
      if (offset < highest && offset >= (positions[range] as number)) messages++;
    }
    return messages;
  }

  #countsOf(head: LogHead, base: number): Uint32Array {
    const name = `${head.id}:${base}`;
    let counts = this.#counts.get(name);
    if (counts !== undefined) return counts;
    const { partitions } = head.channel;
    const view = viewOf(this.#data(head, base));
    counts = new Uint32Array(partitions);
    for (let record = 0; record < view.count; record++) {
      const range = (view.slotAt(record) * partitions) >>> 16;
      counts[range] = (counts[range] as number) + 1;
    }
    if (this.#counts.size >= countsKnownMax) this.#counts = new Map();
    this.#counts.set(name, counts);
    return counts;
  }

  #data(head: LogHead, base: number): Uint8Array {
    const sql = "SELECT data FROM batch WHERE log = ? AND base = ?";
    const row = this.#writer.one<{ data: Uint8Array }>(sql, head.id, base);
    return row?.data ?? new Uint8Array();
  }
}
