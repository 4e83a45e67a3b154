// How much waits in a channel: what its slowest living group has not settled, and its delayed
// messages (docs/adr/0019). Computed from cursors, open lists and log ends, so that nothing has to
// be counted along. Reads only. Always true: never less than what waits; exactly that while the
// ranges of a group differ by no more than `batchesMax` batches.
import type { Waiting } from "../../../ports/channel-limits.ts";
import type { Catalog, Channel, LogHead } from "./catalog.ts";
import { UnreadWalk } from "./unread-walk.ts";
import type { Writer } from "./writer.ts";

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
  readonly #walk: UnreadWalk;

  constructor(writer: Writer, catalog: Catalog) {
    this.#writer = writer;
    this.#catalog = catalog;
    this.#walk = new UnreadWalk(writer);
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
      const standing = this.#walk.standing(group, head);
      const { messages, countedTo } = this.#walk.before(head, standing);
      depth += head.end - countedTo + messages + this.#open(group, head);
      if (channel.limits?.bytesMax !== undefined) {
        bytes += this.#bytes(group, head, standing.lowest);
      }
    }
    return { depth, bytes };
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
}

/** Everything there is: nobody reads the channel. */
function stored(heads: readonly LogHead[]): Waiting {
  return {
    depth: heads.reduce((sum, { start, end }) => sum + end - start, 0),
    bytes: heads.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
