// Batches and logs of the new journal: stores what was found, as it was written, and turns what is
// missing between into gaps. Always true: no batch below a log's start or inside a known gap comes
// back; offsets that were ever given out are not given out again.
import { priorities } from "../../../../message/envelope.ts";
import type { Connection } from "../../journal/connection.ts";
import { readLayout } from "../../journal/format.ts";
import { batchFlags } from "../../journal/format-layout.ts";
import { gapCrc, logCrc } from "../../journal/row-checksums.ts";
import type { RepairedLog, RepairGap, RepairNotes } from "../repair-report.ts";
import type { BatchPlace, FoundBatch } from "./batch-scan.ts";
import type { SalvagedCatalog } from "./catalog.ts";
import type { GapValue } from "./row-values.ts";

interface StoredBatch {
  readonly base: number;
  readonly count: number;
  readonly appended_at: number;
  readonly previous_crc: number;
  readonly crc: number;
  readonly bytes: number;
}

type Statement = ReturnType<Connection["prepare"]>;

/** See the head of this file. */
export class LogRebuild {
  readonly #connection: Connection;
  readonly #catalog: SalvagedCatalog;
  readonly #notes: RepairNotes;
  readonly #gaps: readonly GapValue[];
  readonly #wallMs: number;
  readonly #select: Statement;
  readonly #insert: Statement;
  readonly #logs = new Set<number>();
  /** By log: an offset that was surely given out, plus one. */
  readonly #reached = new Map<number, number>();
  batches = 0;
  messages = 0;
  bytes = 0;

  constructor(
    connection: Connection,
    catalog: SalvagedCatalog,
    gaps: readonly GapValue[],
    notes: RepairNotes,
    wallMs: number,
  ) {
    this.#connection = connection;
    this.#catalog = catalog;
    this.#gaps = gaps;
    this.#notes = notes;
    this.#wallMs = wallMs;
    this.#select = connection.prepare("SELECT crc FROM batch WHERE log = ? AND base = ?");
    this.#insert = connection.prepare(
      "INSERT INTO batch (log, base, count, appended_at, previous_crc, crc, given, data) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    for (const { log, base, count } of gaps) this.reached(log, base + count);
  }

  /** Whether the batch at this place is to be read. */
  isWanted({ log, base }: BatchPlace): boolean {
    if (!Number.isInteger(log) || !Number.isInteger(base) || base < 0 || log < 1) return false;
    if (this.#catalog.isRemoved(log)) return false;
    if (base < (this.#catalog.logs.get(log)?.start ?? 0)) return false;
    const known = this.#gaps.some(
      (gap) => gap.log === log && base >= gap.base && base < gap.base + gap.count,
    );
    return !known && this.#select.get(log, base) === undefined;
  }

  /** Stores a batch whose checksum was right; inside a transaction. */
  store(batch: FoundBatch): void {
    const { log, base, count, appendedAtMs, previousCrc, crc, data } = batch;
    // Found twice in one page's versions.
    if (this.#select.get(log, base) !== undefined) return;
    const given = (readLayout(data).flags & batchFlags.givenIds) === 0 ? 0 : 1;
    this.#insert.run(log, base, count, appendedAtMs, previousCrc, crc, given, data);
    this.#logs.add(log);
    this.reached(log, base + count);
    this.batches++;
    this.messages += count;
    this.bytes += data.byteLength;
  }

  /** Offsets of this log below `offset` were given out, whatever became of them. */
  reached(log: number, offset: number): void {
    this.#reached.set(log, Math.max(offset, this.#reached.get(log) ?? 0));
  }

  /** Every log of which there is anything is in the catalog from now on; after the batches. */
  nameAll(): void {
    // Of some nothing is left but that offsets were given out: all of them are a gap.
    for (const log of [...this.#logs, ...this.#reached.keys()]) this.#catalog.log(log);
  }

  /** Writes the rows of logs and gaps; inside a transaction. */
  finish(): RepairedLog[] {
    this.nameAll();
    return [...this.#catalog.logs.keys()]
      .sort((left, right) => left - right)
      .map((id) => {
        return this.#finishLog(id);
      });
  }

  #finishLog(id: number): RepairedLog {
    const row = this.#catalog.log(id);
    const summary = { batches: 0, messages: 0, bytes: 0 };
    const gaps: RepairGap[] = [];
    let next = this.#startOf(id, row.start, row.end);
    const start = next;
    let lastCrc: number | undefined;
    let appendedAtMs = row.appendedAtMs;
    for (const batch of this.#stored(id)) {
      if (batch.base < next) {
        this.#dropOverlapping(id, batch.base, next);
        continue;
      }
      if (batch.base > next) gaps.push(...this.#gap(id, next, batch.base));
      else if (lastCrc !== undefined && lastCrc !== batch.previous_crc) {
        this.#notes.add("messages-lost", `${this.#place(id)}: not chained at ${batch.base}`);
      }
      next = batch.base + batch.count;
      lastCrc = batch.crc;
      appendedAtMs = Math.max(appendedAtMs, batch.appended_at);
      summary.batches++;
      summary.messages += batch.count;
      summary.bytes += batch.bytes;
    }
    const end = Math.max(row.end, next, this.#reached.get(id) ?? 0);
    if (end > next) gaps.push(...this.#gap(id, next, end));
    const crcs = lastCrc ?? row.lastCrc;
    const { channel, lane } = row;
    const crc = logCrc(channel, lane, start, end, summary.bytes, appendedAtMs, crcs);
    this.#connection
      .prepare(
        "INSERT INTO log (id, channel, lane, start, end, bytes, appended_at, last_crc, crc) " +
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      )
      .run(id, channel, lane, start, end, summary.bytes, appendedAtMs, crcs, crc);
    return {
      channel: this.#catalog.channels.get(channel)?.name ?? "",
      priority: priorities[lane] ?? "normal",
      startOffset: start,
      endOffset: end,
      ...summary,
      gaps,
    };
  }

  /** Where the row of a log is gone, its first batch says where it starts: one that may be lost. */
  #startOf(id: number, start: number, end: number): number {
    if (end > 0) return start;
    const sql = "SELECT base FROM batch WHERE log = ? ORDER BY base LIMIT 1";
    const first = this.#connection.prepare(sql).get(id)?.["base"];
    const found = typeof first === "number" ? first : start;
    return Math.min(found, this.#catalog.firstBaseOf(id) ?? found);
  }

  *#stored(id: number): Generator<StoredBatch> {
    const select = this.#connection.prepare(
      "SELECT base, count, appended_at, previous_crc, crc, length(data) AS bytes FROM batch " +
        "WHERE log = ? AND base > ? ORDER BY base LIMIT 1000",
    );
    for (let after = -1; ; ) {
      const rows = select.all(id, after) as unknown as StoredBatch[];
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.base;
    }
  }

  /** The gaps between two offsets: those that were known, and what is missing besides. */
  #gap(log: number, from: number, to: number): RepairGap[] {
    const gaps: RepairGap[] = [];
    const known = this.#gaps
      .filter((gap) => gap.log === log && gap.base < to && gap.base + gap.count > from)
      .sort((left, right) => left.base - right.base);
    let next = from;
    for (const { base, count, reason, notedAtMs } of known) {
      const first = Math.max(base, next);
      const last = Math.min(base + count, to);
      if (first > next) gaps.push(this.#newGap(log, next, first));
      if (last <= first) continue;
      gaps.push(this.#write(log, first, last, reason, notedAtMs, true));
      next = last;
    }
    if (next < to) gaps.push(this.#newGap(log, next, to));
    return gaps;
  }

  #newGap(log: number, from: number, to: number): RepairGap {
    this.#notes.add("messages-lost", `${this.#place(log)}: offsets ${from} to ${to - 1}`);
    return this.#write(log, from, to, "unreadable", this.#wallMs, false);
  }

  #write(
    log: number,
    from: number,
    to: number,
    reason: string,
    notedAtMs: number,
    known: boolean,
  ): RepairGap {
    const count = to - from;
    this.#connection
      .prepare(
        "INSERT INTO gap (log, base, count, reason, noted_at, crc) VALUES (?, ?, ?, ?, ?, ?)",
      )
      .run(log, from, count, reason, notedAtMs, gapCrc(log, from, count, reason, notedAtMs));
    return { fromOffset: from, toOffset: to, reason, known };
  }

  /** Two sound batches claim the same offsets: the one that was stored first in order stays. */
  #dropOverlapping(log: number, base: number, next: number): void {
    this.#connection.prepare("DELETE FROM batch WHERE log = ? AND base = ?").run(log, base);
    const what = `a second batch for offsets ${base} to ${next - 1} was left out`;
    this.#notes.add("messages-lost", `${this.#place(log)}: ${what}`);
  }

  #place(log: number): string {
    return `channel ${this.#catalog.nameOf(log)}`;
  }
}
