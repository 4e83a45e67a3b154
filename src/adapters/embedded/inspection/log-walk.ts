// Walks one log from its start to its end, a slice at a time: every batch's checksum, the chain
// of checksums, density of the offsets, the columns of each batch, and what the log's row says.
// Always true: a slice is one short read transaction, so publishers and retention may move both
// ends of the log between two of them.
import { type Priority, priorities } from "../../../message/envelope.ts";
import { batchCrc, BatchView } from "../journal/format.ts";
import { batchFlags } from "../journal/format-layout.ts";
import { logCrc } from "../journal/row-checksums.ts";
import type { FindingKind, FindingList } from "./finding.ts";
import { type Snapshot, textOf } from "./snapshot.ts";

/** Most batches of one slice. */
export const batchesAtOnce = 512;
/** A slice ends above so many bytes. */
export const sliceBytesMax = 2_097_152;

/** What was looked at. */
export interface InspectedCounts {
  batches: number;
  messages: number;
  bytes: number;
  rows: number;
}

/** A log as its row says. */
export interface LogRow {
  readonly id: number;
  readonly channel: number;
  readonly lane: number;
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
  readonly appended_at: number;
  readonly last_crc: number;
  readonly crc: number;
}

interface BatchRow {
  readonly count: number;
  readonly appended_at: number;
  readonly previous_crc: number;
  readonly crc: number;
  readonly given: number;
  readonly data: Uint8Array;
}

/** Whether the row of a log is what its writer stored. */
function isLogRowSound(row: LogRow): boolean {
  const { channel, lane, start, end, bytes, appended_at, last_crc: lastCrc } = row;
  return logCrc(channel, lane, start, end, bytes, appended_at, lastCrc) === row.crc;
}

/** See the head of this file. */
export class LogWalk {
  readonly #snapshot: Snapshot;
  readonly #findings: FindingList;
  readonly #counts: InspectedCounts;
  readonly #log: number;
  readonly #channel: string;
  readonly #priority: Priority;
  readonly #from: number;
  #started = false;
  #next = 0;
  #previousCrc: number | undefined;
  /** The log's start when counting began: what retention removes since is in `#bytes` only. */
  #countedFrom = 0;
  #bytes: number | undefined = 0;

  constructor(parts: {
    readonly snapshot: Snapshot;
    readonly findings: FindingList;
    readonly counts: InspectedCounts;
    readonly log: number;
    readonly channel: string;
    readonly lane: number;
    /** The first offset to look at; default: the log's start. */
    readonly from?: number;
  }) {
    this.#snapshot = parts.snapshot;
    this.#findings = parts.findings;
    this.#counts = parts.counts;
    this.#log = parts.log;
    this.#channel = parts.channel;
    this.#priority = priorities[parts.lane] ?? "normal";
    this.#from = parts.from ?? 0;
  }

  /** Looks at the next batches; false once the log's end was reached. */
  slice(): boolean {
    return this.#snapshot.within(() => {
      const row = this.#snapshot.first<LogRow>("SELECT * FROM log WHERE id = ?", this.#log);
      // Removed with its channel, or not readable: the check of rows says which.
      if (row === undefined) return false;
      const head = isLogRowSound(row) ? row : this.#headFromBatches(row);
      this.#goToStart(head);
      const { bases, more } = this.#bases(head);
      let bytes = 0;
      for (const base of bases) {
        bytes += this.#batch(base, head);
        if (bytes >= sliceBytesMax) return true;
      }
      if (more) return true;
      this.#finish(head, row === head);
      return false;
    });
  }

  /** Where the log's row is damaged, the batches say where it starts and ends. */
  #headFromBatches(row: LogRow): LogRow {
    const order = (direction: "ASC" | "DESC"): string =>
      `SELECT base, count FROM batch WHERE log = ? ORDER BY base ${direction} LIMIT 1`;
    const first = this.#snapshot.first<{ base: number }>(order("ASC"), this.#log);
    const last = this.#snapshot.first<{ base: number; count: number }>(order("DESC"), this.#log);
    const end = last === undefined ? 0 : last.base + last.count;
    return { ...row, start: first?.base ?? 0, end };
  }

  #goToStart(head: LogRow): void {
    if (this.#started && head.start !== this.#countedFrom) this.#bytes = undefined;
    if (this.#started && head.start <= this.#next) return;
    this.#countedFrom = head.start;
    this.#started = true;
    this.#next = Math.max(head.start, this.#from);
    this.#previousCrc = this.#next === 0 ? 0 : undefined;
    if (this.#next > head.start) this.#bytes = undefined;
    const sql = "SELECT base FROM batch WHERE log = ? AND base < ? ORDER BY base LIMIT 1";
    const before = this.#snapshot.first<{ base: number }>(sql, this.#log, head.start);
    if (before === undefined) return;
    this.#add("log-wrong", "stored before the log's start", before.base, head.start);
  }

  /** The next bases by the index alone, which is readable where rows are not. */
  #bases(head: LogRow): { readonly bases: readonly number[]; readonly more: boolean } {
    const sql = "SELECT base FROM batch WHERE log = ? AND base >= ? ORDER BY base LIMIT ?";
    const { rows, failure } = this.#snapshot.read<{ base: number }>(
      sql,
      this.#log,
      this.#next,
      batchesAtOnce,
    );
    const bases = rows.map(({ base }) => base);
    if (failure === undefined) return { bases, more: bases.length === batchesAtOnce };
    if (bases.length > 0) return { bases, more: true };
    const from = this.#firstReadable(head.end);
    this.#add("batch-damaged", `cannot be reached (${failure})`, this.#next, from);
    this.#skipTo(from);
    return { bases: [], more: from < head.end };
  }

  /** The lowest offset from which the index can be read again, by steps that double. */
  #firstReadable(end: number): number {
    const sql = "SELECT base FROM batch WHERE log = ? AND base >= ? ORDER BY base LIMIT 1";
    const readable = (offset: number): boolean =>
      this.#snapshot.read(sql, this.#log, offset).failure === undefined;
    let low = this.#next;
    let step = 1;
    while (low + step < end && !readable(low + step)) {
      low += step;
      step *= 2;
    }
    let high = Math.min(low + step, end);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (readable(middle)) high = middle;
      else low = middle;
    }
    return high;
  }

  /** Looks at one batch; returns its bytes. */
  #batch(base: number, head: LogRow): number {
    if (base > this.#next) this.#uncovered(this.#next, base);
    const { rows, failure } = this.#snapshot.read<BatchRow>(
      "SELECT count, appended_at, previous_crc, crc, given, data FROM batch " +
        "WHERE log = ? AND base = ?",
      this.#log,
      base,
    );
    const row = rows[0];
    this.#counts.batches++;
    if (row === undefined) {
      this.#damaged(base, head, `cannot be read (${failure ?? "the index names a missing row"})`);
      return 0;
    }
    const { count, appended_at: appendedAtMs, previous_crc: previousCrc, data } = row;
    this.#counts.bytes += data.byteLength;
    const place = { log: this.#log, base, count, appendedAtMs, previousCrc };
    if (batchCrc(place, data) !== row.crc) {
      this.#damaged(base, head, "checksum does not match");
      return data.byteLength;
    }
    this.#counts.messages += count;
    this.#check(base, row);
    this.#next = base + count;
    this.#previousCrc = row.crc;
    if (this.#bytes !== undefined) this.#bytes += data.byteLength;
    return data.byteLength;
  }

  #check(base: number, row: BatchRow): void {
    const end = base + row.count;
    if (this.#previousCrc !== undefined && row.previous_crc !== this.#previousCrc) {
      this.#add("chain-broken", "not chained to the batch before", base, end);
    }
    if (base < this.#next) {
      this.#add("log-wrong", "stored twice", base, Math.min(this.#next, end));
    }
    const problem = columnProblem(row, {
      channel: this.#channel,
      priority: this.#priority,
      base,
      appendedAtMs: row.appended_at,
    });
    if (problem !== undefined) this.#add("batch-damaged", problem, base, end);
  }

  /** A batch that is not what was written: how far it reached, what comes after it shows. */
  #damaged(base: number, head: LogRow, why: string): void {
    const next = (table: "batch" | "gap"): number =>
      this.#snapshot.first<{ base: number }>(
        `SELECT base FROM ${table} WHERE log = ? AND base > ? ORDER BY base LIMIT 1`,
        this.#log,
        base,
      )?.base ?? head.end;
    const end = Math.max(Math.min(next("batch"), next("gap")), base + 1);
    this.#add("batch-damaged", why, base, end);
    this.#skipTo(end);
  }

  #skipTo(offset: number): void {
    this.#next = offset;
    this.#previousCrc = undefined;
    this.#bytes = undefined;
  }

  /** No batch holds these offsets: where no gap says so either, they are missing. */
  #uncovered(from: number, to: number): void {
    const { rows } = this.#snapshot.read<{ base: number; count: number; reason: string }>(
      "SELECT base, count, reason FROM gap WHERE log = ? AND base < ? AND base + count > ? " +
        "ORDER BY base",
      this.#log,
      to,
      from,
    );
    let next = from;
    for (const { base, count, reason } of rows) {
      if (base > next) this.#missing(next, base);
      this.#add("gap", `known to be gone (${reason})`, base, base + count);
      next = base + count;
    }
    if (next < to) this.#missing(next, to);
    this.#next = to;
    // After a gap the chain begins anew.
    this.#previousCrc = undefined;
  }

  #missing(from: number, to: number): void {
    // It had bytes, which the log's row counts.
    this.#bytes = undefined;
    this.#add("batch-missing", "missing", from, to);
  }

  #finish(head: LogRow, rowIsSound: boolean): void {
    const [lastCrc, passed] = [this.#previousCrc, this.#next];
    if (passed < head.end) this.#uncovered(passed, head.end);
    if (!rowIsSound) return;
    if (passed > head.end) this.#add("log-wrong", "stored behind the log's end", head.end, passed);
    const start = Math.max(passed - 1, head.start);
    // Where nothing is left of a log, there is nothing that could be last.
    const isEmptied = passed === head.start && passed < head.end;
    if (!isEmptied && lastCrc !== undefined && lastCrc !== head.last_crc) {
      this.#add("log-wrong", "not what the log's row says is last", start, passed);
    }
    if (this.#bytes === undefined || this.#bytes === head.bytes) return;
    const why = `${this.#bytes} bytes, the log's row says ${head.bytes}`;
    this.#add("log-wrong", why, head.start, head.end);
  }

  #add(kind: FindingKind, why: string, fromOffset: number, toOffset: number): void {
    const channel = this.#channel;
    this.#findings.addRange(kind, why, { channel, priority: this.#priority, fromOffset, toOffset });
  }
}

/** What is wrong inside a batch whose checksum is right: something its writer did. */
function columnProblem(
  row: BatchRow,
  place: ConstructorParameters<typeof BatchView>[1],
): string | undefined {
  try {
    const view = new BatchView(row.data, place);
    if (view.count !== row.count) return `${view.count} records, the row says ${row.count}`;
    for (let record = 0; record < view.count; record++) view.templateAt(record);
    const given = (view.layout.flags & batchFlags.givenIds) !== 0;
    if (given && row.given !== 1) return "left out of the search for repeats";
    return undefined;
  } catch (error) {
    return `cannot be decoded (${textOf(error)})`;
  }
}
