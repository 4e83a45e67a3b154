// Appends in doubt: the disk failed while they were committed, so that their publishers were told
// that nobody knows. Once the journal is open again their ids count as given, whoever drew them,
// and a repeat is found. Knows nothing of fingerprints. Always true: rows are kept as long as any
// process may look for repeats, and no more than `doubtRowsMax` of them.
import type { Catalog, Channel } from "./catalog.ts";
import { timerLane } from "./dedupe-table.ts";
import type { Doubt } from "./engine.ts";
import { checkRowCrc } from "./format-crc.ts";
import { withGivenIds } from "./format-given.ts";
import { doubtCrc, timerCrc } from "./row-checksums.ts";
import type { Writer, WriterCache } from "./writer.ts";

/** Most rows that are kept; the oldest go first. */
export const doubtRowsMax = 1_000;
/** The longest window in which repeats may be looked for: the largest `dedupeWindowMs`. */
const keptMs = 604_800_000;

/** A range of a channel whose ids all count as given. */
export interface DoubtRow {
  readonly id: number;
  readonly lane: number;
  readonly base: number;
  readonly end: number;
  readonly notedAtMs: number;
}

/** See the head of this file. */
export class Doubts implements WriterCache {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  /** As many as one transaction has batches, at most. */
  #underWay: Doubt[] = [];

  constructor(writer: Writer, catalog: Catalog) {
    this.#writer = writer;
    this.#catalog = catalog;
    writer.attach(this);
  }

  /** What the last transaction appended. */
  get underWay(): readonly Doubt[] {
    return this.#underWay;
  }

  begun(): void {
    this.#underWay = [];
  }

  rolledBack(): void {
    // Kept: after a failure this is what is in doubt.
  }

  /** The running transaction appends this; neighbours of one log become one range. */
  note(channel: Channel, lane: number, base: number, count: number): void {
    const last = this.#underWay.at(-1);
    if (last?.channel === channel.name && last.lane === lane && last.end === base) {
      last.end += count;
    } else {
      this.#underWay.push({ channel: channel.name, lane, base, end: base + count });
    }
  }

  /** Keeps what an earlier life of this process left in doubt; inside a transaction. */
  keep(doubts: readonly Doubt[], nowMs: number): void {
    this.#writer.run("DELETE FROM doubt WHERE noted_at < ?", nowMs - keptMs);
    for (const { channel: name, lane, base, end } of doubts) {
      const channel = this.#catalog.find(name);
      if (channel === undefined) continue;
      if (lane === timerLane) this.#giveTimers(channel, base, end);
      this.#writer.run(
        "INSERT INTO doubt (channel, lane, base, end, noted_at, crc) VALUES (?, ?, ?, ?, ?, ?)",
        channel.id,
        lane,
        base,
        end,
        nowMs,
        doubtCrc(channel.id, lane, base, end, nowMs),
      );
    }
    this.#writer.run(
      "DELETE FROM doubt WHERE id <= (SELECT id FROM doubt ORDER BY id DESC LIMIT 1 OFFSET ?)",
      doubtRowsMax,
    );
  }

  /** Delayed messages say of themselves that their id is given: they will move to a log. */
  #giveTimers(channel: Channel, first: number, end: number): void {
    const rows = this.#writer.all<{
      id: number;
      lane: number;
      due_at: number;
      accepted_at: number;
      data: Uint8Array;
    }>(
      "SELECT id, lane, due_at, accepted_at, data FROM timer " +
        "WHERE channel = ? AND id >= ? AND id < ? AND given = 0",
      channel.id,
      first,
      end,
    );
    for (const { id, lane, due_at: dueAtMs, accepted_at: acceptedAtMs, data } of rows) {
      const blob = withGivenIds(data);
      this.#writer.run(
        "UPDATE timer SET given = 1, data = ?, crc = ? WHERE id = ?",
        blob,
        timerCrc(channel.id, lane, dueAtMs, acceptedAtMs, blob),
        id,
      );
    }
  }
}

/** The channel's ranges noted after the row `last`, in order. */
export function doubtsAfter(writer: Writer, channel: number, last: number): DoubtRow[] {
  const rows = writer.all<{
    id: number;
    lane: number;
    base: number;
    end: number;
    noted_at: number;
    crc: number;
  }>(
    "SELECT id, lane, base, end, noted_at, crc FROM doubt WHERE channel = ? AND id > ? " +
      `ORDER BY id LIMIT ${doubtRowsMax}`,
    channel,
    last,
  );
  return rows.map(({ id, lane, base, end, noted_at: notedAtMs, crc }) => {
    checkRowCrc("a row of doubt", crc, [channel, lane, base, end, notedAtMs]);
    return { id, lane, base, end, notedAtMs };
  });
}
