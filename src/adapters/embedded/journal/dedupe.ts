// Repeats of given ids: found by fingerprint, confirmed against what is stored. Works inside the
// write transaction, after taking in what other processes committed, so that processes with
// tables of their own still agree. Always true: without a stored message of the same tenant,
// source and id within the window nothing is called a repeat; a table that saw a rolled back
// transaction is built anew.
import type { ErrorCode } from "../../../errors/error-codes.ts";
import type { Catalog, Channel, LogHead } from "./catalog.ts";
import type { DoubtRow } from "./doubts.ts";
import { type DedupeLimits, firstBases } from "./dedupe-start.ts";
import { FingerprintTable, type Hit, type Place, timerLane } from "./dedupe-table.ts";
import { recordFlags, viewOf } from "./format.ts";
import type { BatchView } from "./format-view.ts";
import { absorb, absorbDoubts, isInDoubt } from "./dedupe-absorb.ts";
import { type AppendException, type DedupeVerdict, withinRoom } from "./append-room.ts";
import { ownRecord, sameContent, sameIdentity, type StoredRecord } from "./dedupe-record.ts";
import type { Writer, WriterCache } from "./writer.ts";

/** One channel's table, and up to where it has taken in what is stored. */
interface Window {
  readonly table: FingerprintTable;
  /** By lane: every batch below was taken in. */
  readonly ends: number[];
  lastTimer: number;
  /** Ranges whose ids all count as given; see doubts.ts. */
  readonly doubts: DoubtRow[];
}

interface BatchRow {
  base: number;
  count: number;
  appended_at: number;
  data: Uint8Array;
}

const rowsAtOnce = 32;
const viewsMax = 16;

/** See the head of this file. */
export class Deduper implements WriterCache {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #limits: DedupeLimits;
  readonly #seed: number;
  readonly #windows = new Map<number, Window>();
  readonly #touched = new Set<number>();
  /** Replaced, never cleared: a cleared map's old table keeps the new one's entries alive. */
  #views = new Map<string, StoredRecord>();
  readonly #hits: Hit[] = [];
  #forgotAtMs = 0;

  constructor(writer: Writer, catalog: Catalog, limits: DedupeLimits, seed: number) {
    this.#writer = writer;
    this.#catalog = catalog;
    this.#limits = limits;
    this.#seed = seed;
    writer.attach(this);
  }

  /** Channels whose ids are remembered in memory now. */
  get tables(): number {
    return this.#windows.size;
  }

  begun(): void {
    this.#touched.clear();
    this.#views = new Map();
  }

  rolledBack(): void {
    for (const channel of this.#touched) this.#windows.delete(channel);
    this.#views = new Map();
  }

  /**
   * Decides about a batch that will stand at the log's end, and remembers its new ids there. The
   * caller must append exactly what is kept, in the same transaction. No more than `room` are kept,
   * the others that are no repeats are refused with BACK_PRESSURE.
   */
  checkBatch(head: LogHead, view: BatchView, nowMs: number, room = view.count): DedupeVerdict {
    const window = this.#windowOf(head.channel, nowMs);
    if (window === undefined) return withinRoom(view.count, room);
    const { table } = window;
    const place: Place = { lane: head.lane, base: head.end };
    const words = view.idWords;
    const exceptions: AppendException[] = [];
    let keep: number[] | undefined;
    table.startPlace(place, nowMs);
    for (let index = 0; index < view.count; index++) {
      const kept = keep === undefined ? index : keep.length;
      if ((view.flagsAt(index) & recordFlags.givenId) !== 0) {
        table.take(words, index * 4);
        table.find(this.#hits);
        if (this.#hits.length > 0) {
          const own = { place, lane: head.lane, keep, nowMs };
          const found = this.#confirm(head.channel, view, index, own);
          if (found !== undefined) {
            keep ??= Array.from({ length: index }, (_, before) => before);
            exceptions.push([index, found]);
            continue;
          }
        }
        if (kept < room) table.add(kept);
      }
      if (kept >= room) {
        keep ??= Array.from({ length: index }, (_, before) => before);
        exceptions.push([index, "BACK_PRESSURE"]);
        continue;
      }
      keep?.push(index);
    }
    const stored = keep?.length ?? view.count;
    table.endPlace(stored);
    window.ends[head.lane] = head.end + stored;
    return { keep, exceptions };
  }

  /** Whether ids are remembered at all. */
  get remembers(): boolean {
    return this.#limits.windowMs > 0 && this.#limits.countMax > 0;
  }

  /**
   * Decides about one message with a given id, and remembers nothing: what it repeats, or undefined
   * when it is new. Where it then becomes a timer, the caller calls rememberTimer().
   */
  check(
    channel: Channel,
    lane: number,
    view: BatchView,
    index: number,
    nowMs: number,
  ): number | ErrorCode | undefined {
    const window = this.#windowOf(channel, nowMs);
    if (window === undefined) return undefined;
    window.table.take(view.idWords, index * 4);
    window.table.find(this.#hits);
    if (this.#hits.length === 0) return undefined;
    return this.#confirm(channel, view, index, { lane, nowMs });
  }

  /** The message that check() found to be new is stored as this timer. */
  rememberTimer(channel: Channel, timer: number, nowMs: number): void {
    const window = this.#windows.get(channel.id);
    if (window === undefined) return;
    window.table.startPlace({ lane: timerLane, base: timer }, nowMs);
    window.table.add(0);
    window.table.endPlace(1);
    window.lastTimer = timer;
  }

  /**
   * The channel's table with everything committed so far; undefined where nothing is remembered.
   */
  #windowOf(channel: Channel, nowMs: number): Window | undefined {
    if (!this.remembers) return undefined;
    const { windowMs, countMax } = this.#limits;
    this.#forgetIdle(nowMs);
    let window = this.#windows.get(channel.id);
    if (window === undefined) {
      const table = new FingerprintTable(windowMs, countMax, this.#seed);
      const heads = this.#catalog.heads(channel);
      const ends = firstBases(this.#writer, heads, this.#limits, nowMs);
      window = { table, ends, lastTimer: 0, doubts: [] };
      this.#windows.set(channel.id, window);
    }
    if (!this.#touched.has(channel.id)) {
      // Others commit only between transactions; what this one appends is taken in at once.
      this.#touched.add(channel.id);
      this.#absorbTimers(channel, window, nowMs - windowMs);
      absorbDoubts(this.#writer, this.#catalog, channel, window);
    }
    this.#absorbBatches(channel, window);
    return window;
  }

  /** Lets go of tables that remember nothing within the window: many channels, long unused. */
  #forgetIdle(nowMs: number): void {
    const { windowMs } = this.#limits;
    if (Math.abs(nowMs - this.#forgotAtMs) < windowMs) return;
    this.#forgotAtMs = nowMs;
    for (const [channel, { table }] of this.#windows) {
      if (this.#touched.has(channel) || table.newestAtMs >= nowMs - windowMs) continue;
      this.#windows.delete(channel);
    }
  }

  #absorbBatches(channel: Channel, window: Window): void {
    for (const head of this.#catalog.heads(channel)) {
      for (let from = window.ends[head.lane] as number; from < head.end; ) {
        const rows = this.#writer.all<BatchRow>(
          "SELECT base, count, appended_at, data FROM batch " +
            `WHERE log = ? AND given = 1 AND base >= ? ORDER BY base LIMIT ${rowsAtOnce}`,
          head.id,
          from,
        );
        for (const row of rows) {
          absorb(window.table, { lane: head.lane, base: row.base }, row.data, row.appended_at);
          from = row.base + row.count;
        }
        if (rows.length < rowsAtOnce) from = head.end;
      }
      window.ends[head.lane] = head.end;
    }
  }

  #absorbTimers(channel: Channel, window: Window, since: number): void {
    for (;;) {
      const rows = this.#writer.all<{ id: number; accepted_at: number; data: Uint8Array }>(
        "SELECT id, accepted_at, data FROM timer " +
          `WHERE channel = ? AND given = 1 AND id > ? ORDER BY id LIMIT ${rowsAtOnce}`,
        channel.id,
        window.lastTimer,
      );
      for (const { id, accepted_at: acceptedAtMs, data } of rows) {
        window.lastTimer = id;
        if (acceptedAtMs < since) continue;
        absorb(window.table, { lane: timerLane, base: id }, data, acceptedAtMs);
      }
      if (rows.length < rowsAtOnce) return;
    }
  }

  /** What the record repeats, if any of the fingerprint's hits proves to be the same id. */
  #confirm(
    channel: Channel,
    view: BatchView,
    index: number,
    own: {
      readonly nowMs: number;
      readonly lane: number;
      readonly place?: Place;
      readonly keep?: readonly number[] | undefined;
    },
  ): number | ErrorCode | undefined {
    let found: number | ErrorCode | undefined;
    for (const hit of this.#hits) {
      if (found !== undefined) break;
      const stored =
        hit.lane === own.place?.lane && hit.base === own.place.base
          ? ownRecord(view, hit, own.keep, own.nowMs)
          : this.#stored(channel, hit);
      if (stored === undefined || stored.storedAtMs < own.nowMs - this.#limits.windowMs) continue;
      const isDoubt = isInDoubt(this.#windows.get(channel.id), stored);
      if (!sameIdentity(stored, view, index, isDoubt)) continue;
      found = sameContent(stored, view, index, own.lane) ? stored.offset : "ID_REUSED";
    }
    this.#hits.length = 0;
    return found;
  }

  #stored(channel: Channel, hit: Hit): StoredRecord | undefined {
    const key = `${channel.id}:${hit.lane}:${hit.base}`;
    let first = this.#views.get(key);
    if (first === undefined) {
      first = hit.lane === timerLane ? this.#timer(hit) : this.#batch(channel, hit);
      if (first === undefined) return undefined;
      if (this.#views.size >= viewsMax) this.#views = new Map();
      this.#views.set(key, first);
    }
    if (hit.lane === timerLane) return first;
    return { ...first, record: hit.index, offset: first.view.offsetAt(hit.index) + hit.base };
  }

  #timer(hit: Hit): StoredRecord | undefined {
    const row = this.#writer.one<{ lane: number; accepted_at: number; data: Uint8Array }>(
      "SELECT lane, accepted_at, data FROM timer WHERE id = ?",
      hit.base,
    );
    if (row === undefined) return undefined;
    const { lane, accepted_at: storedAtMs } = row;
    return { view: viewOf(row.data), lane, record: 0, offset: -1, storedAtMs };
  }

  #batch(channel: Channel, hit: Hit): StoredRecord | undefined {
    const row = this.#writer.one<BatchRow>(
      "SELECT base, count, appended_at, data FROM batch WHERE log = ? AND base = ?",
      this.#catalog.existing(channel, hit.lane)?.id ?? -1,
      hit.base,
    );
    if (row === undefined) return undefined;
    const { base: offset, appended_at: storedAtMs } = row;
    return { view: viewOf(row.data), lane: hit.lane, record: 0, offset, storedAtMs };
  }
}
