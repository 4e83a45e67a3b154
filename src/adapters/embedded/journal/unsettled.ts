// How much waits in a channel: what its slowest living group has not settled, and its delayed
// messages (docs/adr/0019). Computed from cursors, open lists and log ends, so that nothing has to
// be counted along. Reads only. Always true: never less than what waits; exactly that while the
// ranges of a group differ by no more than `lookedIntoMax` batches.
import type { Waiting } from "../../../ports/channel-limits.ts";
import type { Catalog, Channel, LogHead } from "./catalog.ts";
import { viewOf } from "./format.ts";
import type { Writer } from "./writer.ts";

/** How many batches one group's count looks into at most. */
export const lookedIntoMax = 256;
/** Batches whose counts by range are remembered. */
export const countsKnownMax = 2_048;

/** What waits, and how much was ever settled: for the rate at which it drains. */
export interface Measured extends Waiting {
  readonly settled: number;
}

interface LivingGroup {
  readonly id: number;
}

/** See the head of this file. */
export class Unsettled {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  /** By log and base: how many records each range has in that batch. */
  #counts = new Map<string, Uint32Array>();

  constructor(writer: Writer, catalog: Catalog) {
    this.#writer = writer;
    this.#catalog = catalog;
  }

  /** What waits now; what earlier units of a transaction moved must have been flushed. */
  of(channel: Channel): Measured {
    const heads = this.#catalog.heads(channel);
    const groups = this.#writer.all<LivingGroup>(
      "SELECT id FROM grp WHERE channel = ? AND (ended_at = 0 OR EXISTS " +
        "(SELECT 1 FROM member WHERE member.grp = grp.id))",
      channel.id,
    );
    const delayed = this.#delayed(channel);
    let worst: Waiting = groups.length === 0 ? stored(heads) : { depth: 0, bytes: 0 };
    for (const { id } of groups) {
      const { depth, bytes } = this.#ofGroup(id, channel, heads);
      worst = { depth: Math.max(worst.depth, depth), bytes: Math.max(worst.bytes, bytes) };
    }
    const ends = heads.reduce((sum, { end }) => sum + end, 0);
    return {
      depth: worst.depth + delayed.depth,
      bytes: worst.bytes + delayed.bytes,
      settled: ends - worst.depth,
    };
  }

  #delayed(channel: Channel): Waiting {
    const sql =
      "SELECT count(*) AS depth, total(length(data)) AS bytes FROM timer WHERE channel = ?";
    return this.#writer.one<Waiting>(sql, channel.id) ?? { depth: 0, bytes: 0 };
  }

  #ofGroup(group: number, channel: Channel, heads: readonly LogHead[]): Waiting {
    let depth = 0;
    let bytes = 0;
    for (const head of heads) {
      const positions = this.#positions(group, channel, head);
      const lowest = positions.reduce((left, right) => Math.min(left, right));
      const highest = positions.reduce((left, right) => Math.max(left, right));
      depth += head.end - highest + this.#between(head, positions, lowest, highest);
      depth += this.#open(group, head);
      if (channel.limits?.bytesMax !== undefined) bytes += this.#bytes(group, head, lowest);
    }
    return { depth, bytes };
  }

  #positions(group: number, { partitions }: Channel, head: LogHead): Float64Array {
    const positions = new Float64Array(partitions).fill(head.start);
    const rows = this.#writer.all<{ range: number; position: number }>(
      "SELECT range, position FROM cursor WHERE grp = ? AND log = ?",
      group,
      head.id,
    );
    for (const { range, position } of rows) {
      positions[range] = Math.min(Math.max(position, head.start), head.end);
    }
    return positions;
  }

  /** Messages in open lists; an entry has 16 bytes behind a header of 8. */
  #open(group: number, head: LogHead): number {
    const sql =
      "SELECT total((length(entries) - 8) / 16) AS open FROM open WHERE grp = ? AND log = ?";
    return this.#writer.one<{ open: number }>(sql, group, head.id)?.open ?? 0;
  }

  /** Batches at or behind the lowest cursor, and those before it with an open message. */
  #bytes(group: number, head: LogHead, lowest: number): number {
    if (head.start === head.end) return 0;
    const row = this.#writer.one<{ bytes: number }>(
      "SELECT total(length(data)) AS bytes FROM batch WHERE log = ? AND base + count > ? AND " +
        "base >= coalesce((SELECT max(base) FROM batch WHERE log = ? AND base <= ?), 0)",
      head.id,
      lowest,
      head.id,
      lowest,
    );
    const open = this.#writer.one<{ bytes: number }>(
      "SELECT total(length(data)) AS bytes FROM batch WHERE log = ? AND base + count <= ? AND " +
        "base IN (SELECT base FROM open WHERE grp = ? AND log = ?)",
      head.id,
      lowest,
      group,
      head.id,
    );
    return (row?.bytes ?? 0) + (open?.bytes ?? 0);
  }

  /** Records below `highest` that stand at or behind the cursor of their own range. */
  #between(head: LogHead, positions: Float64Array, lowest: number, highest: number): number {
    let messages = 0;
    let at = lowest;
    for (let looked = 0; at < highest; looked++) {
      if (looked === lookedIntoMax) return messages + highest - at;
      const row = this.#writer.one<{ base: number; count: number }>(
        "SELECT base, count FROM batch WHERE log = ? AND base + count > ? AND base >= " +
          "coalesce((SELECT max(base) FROM batch WHERE log = ? AND base <= ?), 0) " +
          "ORDER BY base LIMIT 1",
        head.id,
        at,
        head.id,
        at,
      );
      if (row === undefined || row.base >= highest) return messages;
      messages += this.#unread(head, row, positions, highest);
      at = row.base + row.count;
    }
    return messages;
  }

  #unread(
    head: LogHead,
    { base, count }: { readonly base: number; readonly count: number },
    positions: Float64Array,
    highest: number,
  ): number {
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

/** Everything there is: nobody reads the channel. */
function stored(heads: readonly LogHead[]): Waiting {
  return {
    depth: heads.reduce((sum, { start, end }) => sum + end - start, 0),
    bytes: heads.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
