// Delayed messages: one row each until they are due by wall time, then moved into their log, merged
// into batches. Any process may move them; the transaction decides which one does. Always true: a
// message is either a timer or in its log, never both; at most `timersAtOnce` move per transaction,
// and no more than `timerBytesAtOnce`, but one. When the next one is due is kept, until this
// process changes the table or is told that another one committed.
import type { ErrorCode } from "../../../errors/error-codes.ts";
import type { DelayedIdentity } from "../../../ports/delayed.ts";
import type { Channel } from "./catalog.ts";
import type { AppendException } from "./append-room.ts";
import type { Deduper } from "./dedupe.ts";
import { timerLane } from "./dedupe-table.ts";
import type { Doubts } from "./doubts.ts";
import { assembleBatch, type BatchRecord, checkRowCrc, recordFlags, viewOf } from "./format.ts";
import { timerCrc } from "./row-checksums.ts";
import type { Writer, WriterCache } from "./writer.ts";

/** Most timers that one transaction moves. */
export const timersAtOnce = 1_000;
/** Most bytes that one transaction moves; a larger timer moves alone. */
export const timerBytesAtOnce = 4_194_304;
/** A merged batch takes no further message above this size. */
const mergedBytesMax = 262_144;

/** Messages that are due, of one log, as one batch. */
export interface DueBatch {
  readonly channel: number;
  readonly lane: number;
  readonly records: BatchRecord[];
  given: boolean;
  bytes: number;
}

/** Messages to be delayed, and for how many of them there is room. */
export interface DelayedAppend {
  readonly blob: Uint8Array;
  readonly dueAtMs: readonly number[];
  readonly room: number;
}

interface TimerRow {
  id: number;
  channel: number;
  lane: number;
  due_at: number;
  accepted_at: number;
  given: number;
  crc: number;
  data: Uint8Array;
}

/** Delayed messages by channel id. */
export function countDelayed(writer: Writer): Map<number, number> {
  const rows = writer.all<{ channel: number; timers: number }>(
    "SELECT channel, count(*) AS timers FROM timer GROUP BY channel",
  );
  return new Map(rows.map(({ channel, timers }) => [channel, timers]));
}

/** See the head of this file. */
export class Timers implements WriterCache {
  readonly #writer: Writer;
  readonly #deduper: Deduper;
  readonly #doubts: Doubts;
  /** What nextDueAtMs() found; undefined: it has to look. */
  #next: { readonly dueAtMs: number | undefined } | undefined;

  constructor(writer: Writer, deduper: Deduper, doubts: Doubts) {
    this.#writer = writer;
    this.#deduper = deduper;
    this.#doubts = doubts;
    writer.attach(this);
  }

  begun(foreign: boolean): void {
    if (foreign) this.forget();
  }

  rolledBack(): void {
    this.forget();
  }

  /** Another process committed, or timers were deleted elsewhere. */
  forget(): void {
    this.#next = undefined;
  }

  /** Keeps messages of a batch, `room` at most, until each is due; inside a transaction. */
  accept(
    channel: Channel,
    lane: number,
    { blob, dueAtMs, room }: DelayedAppend,
    nowMs: number,
  ): AppendException[] {
    this.forget();
    const view = viewOf(blob);
    const exceptions: AppendException[] = [];
    let kept = 0;
    for (let index = 0; index < view.count; index++) {
      const given = (view.flagsAt(index) & recordFlags.givenId) !== 0;
      const found: number | ErrorCode | undefined = given
        ? this.#deduper.check(channel, lane, view, index, nowMs)
        : undefined;
      if (found !== undefined) {
        exceptions.push([index, found]);
        continue;
      }
      if (kept++ >= room) {
        exceptions.push([index, "BACK_PRESSURE"]);
        continue;
      }
      const data = assembleBatch([{ view, index }]);
      const due = dueAtMs[index] ?? nowMs;
      const timer = this.#writer.insert(
        "INSERT INTO timer (channel, lane, due_at, accepted_at, given, crc, data) " +
          "VALUES (?, ?, ?, ?, ?, ?, ?)",
        channel.id,
        lane,
        due,
        nowMs,
        given ? 1 : 0,
        timerCrc(channel.id, lane, due, nowMs, data),
        data,
      );
      this.#doubts.note(channel, timerLane, timer, 1);
      if (given) this.#deduper.rememberTimer(channel, timer, nowMs);
    }
    return exceptions;
  }

  /** Removes those of these timers that are this message; how many; inside a transaction. */
  cancel(
    channel: Channel,
    { id, source, tenant }: DelayedIdentity,
    timers: readonly number[],
  ): number {
    this.forget();
    let cancelled = 0;
    for (const timer of timers) {
      const sql = "SELECT * FROM timer WHERE id = ? AND channel = ?";
      const row = this.#writer.one<TimerRow>(sql, timer, channel.id);
      if (row === undefined) continue;
      const { lane, due_at: dueAtMs, accepted_at: acceptedAtMs, data } = row;
      checkRowCrc("a timer", row.crc, [channel.id, lane, dueAtMs, acceptedAtMs], data);
      const view = viewOf(data);
      const isTenants = tenant === undefined || view.attributesAt(0).tenant === tenant;
      if (view.idAt(0) !== id || view.templateAt(0).source !== source || !isTenants) continue;
      cancelled += this.#writer.run("DELETE FROM timer WHERE id = ?", timer);
    }
    return cancelled;
  }

  /** Wall time at which the next timer is due, or undefined when there is none. */
  nextDueAtMs(): number | undefined {
    this.#next ??= this.#look();
    return this.#next.dueAtMs;
  }

  #look(): { readonly dueAtMs: number | undefined } {
    const row = this.#writer.one<{ due: number | null }>("SELECT min(due_at) AS due FROM timer");
    return { dueAtMs: row?.due ?? undefined };
  }

  /** Takes what is due out of the table, in order of due time; inside a transaction. */
  takeDue(nowMs: number): DueBatch[] {
    this.forget();
    const rows = this.#writer.all<TimerRow>(
      "SELECT * FROM timer WHERE due_at <= ? ORDER BY due_at, id LIMIT ?",
      nowMs,
      this.#dueAtOnce(nowMs),
    );
    const open = new Map<string, DueBatch>();
    const batches: DueBatch[] = [];
    for (const row of rows) {
      const { channel, lane, due_at: dueAtMs, accepted_at: acceptedAtMs, data } = row;
      checkRowCrc("a timer", row.crc, [channel, lane, dueAtMs, acceptedAtMs], data);
      const record: BatchRecord = { view: viewOf(data), index: 0 };
      const key = `${channel}:${lane}`;
      let batch = open.get(key);
      if (batch === undefined || batch.bytes + data.byteLength > mergedBytesMax) {
        batch = { channel, lane, records: [], given: false, bytes: 0 };
        open.set(key, batch);
        batches.push(batch);
      }
      batch.records.push(record);
      batch.bytes += data.byteLength;
      if (row.given === 1) batch.given = true;
      this.#writer.run("DELETE FROM timer WHERE id = ?", row.id);
    }
    return batches;
  }

  /** How many of the timers that are due fit into one transaction; looks at no data. */
  #dueAtOnce(nowMs: number): number {
    const rows = this.#writer.all<{ bytes: number }>(
      "SELECT length(data) AS bytes FROM timer WHERE due_at <= ? " +
        `ORDER BY due_at, id LIMIT ${timersAtOnce}`,
      nowMs,
    );
    let bytes = 0;
    const first = rows.findIndex((row) => (bytes += row.bytes) > timerBytesAtOnce);
    return first < 0 ? rows.length : Math.max(1, first);
  }
}
