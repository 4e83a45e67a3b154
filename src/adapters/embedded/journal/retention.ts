// Retention (docs/adr/0003): deletes whole batches that are old enough, a few at a time. Always
// true: the last batch of a log stays; a batch with a message that a living group has not settled
// stays, unless the channel says `unread: "drop"`, and then what the group misses is counted in its
// row.
import type { Clock } from "../../../kernel/clock.ts";
import type { Catalog, Channel, LogHead } from "./catalog.ts";
import { decodeOpen, viewOf } from "./format.ts";
import type { Writer } from "./writer.ts";

/** Days that a channel keeps without saying so. */
export const retentionDaysDefault = 7;
/** Most batches of one log that one transaction deletes. */
const batchesAtOnce = 16;
/** Most channels that one step looks at, besides those that had something to delete before. */
export const channelsAtOnce = 256;
/** Channels are looked at anew this often. */
const sliceMs = 1_000;
const dayMs = 86_400_000;

interface BatchRow {
  base: number;
  count: number;
  appended_at: number;
  bytes: number;
}

interface GroupRow {
  id: number;
  ended_at: number;
  members: number;
}

/** A group on its way through a log's oldest batches. */
interface Reader {
  readonly id: number;
  /** Whether its unsettled messages keep a batch from being deleted. */
  readonly holds: boolean;
  readonly positions: Float64Array;
}

/** A batch to delete, and what groups lose with it. */
interface Deletion extends BatchRow {
  readonly missed: ReadonlyMap<number, number>;
}

/** See the head of this file. */
export class Retention {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  #due = new Set<string>();
  #lookedAt = "";
  #sliceAtMs = 0;

  constructor(writer: Writer, catalog: Catalog, clock: Clock) {
    this.#writer = writer;
    this.#catalog = catalog;
    this.#clock = clock;
  }

  /** Deletes some of what may go; returns whether more may be left. */
  step(): boolean {
    const wallMs = this.#clock.wallMs();
    const due = this.#heads().filter((head) => this.#plan(head, wallMs).length > 0);
    this.#due = new Set(due.map(({ channel }) => channel.name));
    if (due.length > 0) {
      this.#writer.transaction("deleting old messages", () => {
        for (const { channel, lane } of due) {
          const head = this.#catalog.head(channel, lane);
          for (const deletion of this.#plan(head, wallMs)) this.#delete(head, deletion);
        }
      });
    }
    return due.length > 0;
  }

  /** The logs of channels that had something to delete, and now and then of some others. */
  #heads(): LogHead[] {
    const names = new Set(this.#due);
    const nowMs = this.#clock.monotonicMs();
    if (names.size === 0 || nowMs >= this.#sliceAtMs) {
      this.#sliceAtMs = nowMs + sliceMs;
      for (const name of this.#slice()) names.add(name);
    }
    return [...names].flatMap((name) => this.#catalog.heads(this.#catalog.channel(name)));
  }

  /** The next channels by name; from the first one again after the last. */
  #slice(): string[] {
    const rows = this.#writer.all<{ name: string }>(
      `SELECT name FROM channel WHERE name > ? ORDER BY name LIMIT ${channelsAtOnce}`,
      this.#lookedAt,
    );
    this.#lookedAt = rows.length < channelsAtOnce ? "" : (rows.at(-1)?.name ?? "");
    return rows.map(({ name }) => name);
  }

  #plan(head: LogHead, wallMs: number): Deletion[] {
    const { days = retentionDaysDefault, bytes: bytesMax = Infinity } = head.channel.retention;
    const before = wallMs - days * dayMs;
    const rows = this.#writer.all<BatchRow>(
      "SELECT base, count, appended_at, length(data) AS bytes FROM batch WHERE log = ? " +
        `ORDER BY base LIMIT ${batchesAtOnce}`,
      head.id,
    );
    const deletions: Deletion[] = [];
    let readers: Reader[] | undefined;
    let bytes = head.bytes;
    for (const row of rows) {
      const mayGo = row.appended_at < before || bytes > bytesMax;
      if (!mayGo || row.base + row.count >= head.end) break;
      readers ??= this.#readers(head);
      const missed = this.#missed(head, row, readers);
      if (missed === undefined) break;
      deletions.push({ ...row, missed });
      bytes -= row.bytes;
    }
    return deletions;
  }

  #readers(head: LogHead): Reader[] {
    const { channel } = head;
    const groups = this.#writer.all<GroupRow>(
      "SELECT id, ended_at, (SELECT count(*) FROM member WHERE member.grp = grp.id) AS members " +
        "FROM grp WHERE channel = ?",
      channel.id,
    );
    return groups.map(({ id, ended_at: endedAtMs, members }) => {
      const living = members > 0 || endedAtMs === 0;
      const positions = new Float64Array(channel.partitions);
      const rows = this.#writer.all<{ range: number; position: number }>(
        "SELECT range, position FROM cursor WHERE grp = ? AND log = ?",
        id,
        head.id,
      );
      for (const { range, position } of rows) positions[range] = position;
      return { id, holds: living && channel.retention.unread !== "drop", positions };
    });
  }

  /** Unsettled messages of the batch by group; undefined where one of them keeps the batch. */
  #missed(
    head: LogHead,
    row: BatchRow,
    readers: readonly Reader[],
  ): ReadonlyMap<number, number> | undefined {
    const missed = new Map<number, number>();
    let slots: Slots | undefined;
    for (const { id, holds, positions } of readers) {
      let unsettled = this.#openEntries(id, head, row);
      if (positions.some((position) => position < row.base + row.count)) {
        slots ??= this.#slots(head, row);
        unsettled += unread(slots, positions, head.channel);
      }
      if (unsettled === 0) continue;
      if (holds) return undefined;
      missed.set(id, unsettled);
    }
    return missed;
  }

  #openEntries(group: number, head: LogHead, row: BatchRow): number {
    const lists = this.#writer.all<{ base: number; entries: Uint8Array }>(
      "SELECT base, entries FROM open WHERE log = ? AND base >= ? AND base < ? AND grp = ?",
      head.id,
      row.base,
      row.base + row.count,
      group,
    );
    return lists.reduce((sum, { base, entries }) => sum + decodeOpen(base, entries).length, 0);
  }

  #slots(head: LogHead, row: BatchRow): Slots {
    const stored = this.#writer.one<{ data: Uint8Array }>(
      "SELECT data FROM batch WHERE log = ? AND base = ?",
      head.id,
      row.base,
    );
    const view = viewOf(stored?.data ?? new Uint8Array());
    return {
      offsets: Array.from({ length: view.count }, (_, index) => row.base + view.offsetAt(index)),
      slots: Array.from({ length: view.count }, (_, index) => view.slotAt(index)),
    };
  }

  #delete(head: LogHead, { base, count, bytes, missed }: Deletion): void {
    this.#writer.run("DELETE FROM batch WHERE log = ? AND base = ?", head.id, base);
    for (const [group, messages] of missed) {
      this.#writer.run("UPDATE grp SET dropped = dropped + ? WHERE id = ?", messages, group);
      this.#writer.run(
        "DELETE FROM open WHERE log = ? AND base >= ? AND base < ? AND grp = ?",
        head.id,
        base,
        base + count,
        group,
      );
    }
    head.start = base + count;
    head.bytes -= bytes;
    this.#catalog.change(head);
  }
}

interface Slots {
  readonly offsets: readonly number[];
  readonly slots: readonly number[];
}

/** How many of the records stand at or after the cursor of their range. */
function unread(records: Slots, positions: Float64Array, channel: Channel): number {
  let count = 0;
  for (let index = 0; index < records.slots.length; index++) {
    const range = ((records.slots[index] as number) * channel.partitions) >>> 16;
    if ((records.offsets[index] as number) >= (positions[range] as number)) count++;
  }
  return count;
}
