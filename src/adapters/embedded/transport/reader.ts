// Reads batches in the main thread, on a connection that cannot write: a hop to a thread would cost
// more than the read. Always true: every batch handed out matched its checksum and the batch before
// it; every statement is finished before a call returns, so that nothing holds the log open.
import type { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Clock } from "../../../kernel/clock.ts";
import { type Priority, priorities } from "../../../message/envelope.ts";
import { openConnection } from "../journal/connection.ts";
import { batchCrc, BatchView, damaged } from "../journal/format.ts";
import { checkLogRow } from "../journal/log-row.ts";
import { openFailure } from "../journal/sqlite-errors.ts";
import type { Gap } from "../../../ports/gap.ts";
import { BatchCache } from "./batch-cache.ts";
import { GapReader, type LogName } from "./gap-reader.ts";
import {
  GuardedConnection,
  type ReadConnection,
  type ReadStatement,
} from "./guarded-connection.ts";
import { endOf } from "./tracked-batch.ts";

/** What createReader() needs to know. */
export interface ReaderOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly durability: "fsync" | "relaxed";
  readonly busyTimeoutMs: number;
  readonly cacheBytesMax: number;
  /** A damaged journal is read on a connection that leaves its write-ahead log as it is. */
  readonly isDamaged: boolean;
}

/** One log as it stands now. */
export interface LogPlace {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Opens the reading connection of this process; the journal must exist. `onFailure` is told when
 * the disk fails, and gives the error for whoever was reading.
 */
export function openReader(
  options: ReaderOptions,
  onFailure: (cause: unknown) => SpillwayError,
): BatchReader {
  const role = options.isDamaged ? "inspector" : "reader";
  const connection = openConnection(options.directory, role, options);
  const guarded = new GuardedConnection(connection, onFailure);
  try {
    return new BatchReader(guarded, new BatchCache(options.cacheBytesMax));
  } catch (error) {
    guarded.close();
    throw openFailure(options.directory, error);
  }
}

/** Finds batches by offset and time. */
export class BatchReader {
  readonly connection: ReadConnection;
  readonly #cache: BatchCache;
  readonly #channels = new Map<string, number>();
  /** "channel/lane" → the log's number, once it exists. */
  readonly #logs = new Map<string, number>();
  /** Checksum of the batch that ends where the key says, of the batches read last, one per log. */
  readonly #last = new Map<number, { readonly end: number; readonly crc: number }>();
  readonly #selectChannel: ReadStatement;
  readonly #selectNames: ReadStatement;
  readonly #selectGroups: ReadStatement;
  readonly #selectLog: ReadStatement;
  readonly #selectBaseAt: ReadStatement;
  readonly #selectBaseAfter: ReadStatement;
  readonly #selectBatch: ReadStatement;
  readonly #selectBefore: ReadStatement;
  readonly #gaps: GapReader;

  constructor(connection: ReadConnection, cache: BatchCache) {
    this.connection = connection;
    this.#cache = cache;
    this.#selectChannel = connection.prepare("SELECT id FROM channel WHERE name = ?");
    this.#selectNames = connection.prepare(
      "SELECT name FROM channel WHERE name < '~' ORDER BY name LIMIT ?",
    );
    this.#selectGroups = connection.prepare(
      "SELECT name FROM grp WHERE channel = ? AND ended_at = 0 ORDER BY name",
    );
    this.#selectLog = connection.prepare("SELECT * FROM log WHERE channel = ? AND lane = ?");
    this.#selectBaseAt = connection.prepare(
      "SELECT base, appended_at FROM batch WHERE log = ? AND base <= ? ORDER BY base DESC LIMIT 1",
    );
    this.#selectBaseAfter = connection.prepare(
      "SELECT base FROM batch WHERE log = ? AND base > ? ORDER BY base LIMIT 1",
    );
    this.#selectBatch = connection.prepare(
      "SELECT count, appended_at, previous_crc, crc, data FROM batch WHERE log = ? AND base = ?",
    );
    this.#gaps = new GapReader(connection);
    this.#selectBefore = connection.prepare(
      "SELECT crc FROM batch WHERE log = ? AND base < ? ORDER BY base DESC LIMIT 1",
    );
  }

  /** The channel's number in the journal; undefined when it was never declared. */
  channelId(channel: string): number | undefined {
    const known = this.#channels.get(channel);
    if (known !== undefined) return known;
    const row = this.#selectChannel.get(channel);
    if (row === undefined) return undefined;
    const id = Number(row["id"]);
    this.#channels.set(channel, id);
    return id;
  }

  /** Channels were removed: what a name stood for may be gone. */
  forgetChannels(): void {
    this.#channels.clear();
    this.#logs.clear();
  }

  /** Names of channels, in order, at most `namesMax`. */
  channelNames(namesMax: number): string[] {
    return this.#selectNames.all(namesMax).map((row) => String(row["name"]));
  }

  /** Names of a channel's groups, in order. */
  groupNames(channel: string): string[] {
    const id = this.channelId(channel);
    if (id === undefined) return [];
    return this.#selectGroups.all(id).map((row) => String(row["name"]));
  }

  /** The log of a channel and priority; undefined before its first message. */
  log(channel: string, priority: Priority): LogPlace | undefined {
    const id = this.channelId(channel);
    if (id === undefined) return undefined;
    const row = this.#selectLog.get(id, priorities.indexOf(priority));
    if (row === undefined) return undefined;
    checkLogRow(channel, row);
    this.#logs.set(`${channel}/${priority}`, Number(row["id"]));
    return { id: Number(row["id"]), start: Number(row["start"]), end: Number(row["end"]) };
  }

  /**
   * The batch or the gap that holds `offset`, else the first one after it; undefined at the log's
   * end. A gap begins at `offset` at the earliest.
   */
  at(channel: string, priority: Priority, offset: number): BatchView | Gap | undefined {
    const log = this.#logs.get(`${channel}/${priority}`) ?? this.log(channel, priority)?.id;
    if (log === undefined) return undefined;
    const cached = this.#cache.get(log, offset);
    if (cached !== undefined) return cached;
    const place = { channel, priority, log };
    return this.#find(place, offset) ?? this.#findAgain(place, offset);
  }

  #find(place: LogName, offset: number): BatchView | Gap | undefined {
    const { log } = place;
    // Whoever reads on comes to where a batch begins.
    const next = this.#load(place, offset);
    if (next !== undefined) return next;
    const below = this.#selectBaseAt.get(log, offset)?.["base"];
    if (typeof below === "number") {
      const batch = this.#load(place, below);
      if (batch !== undefined && endOf(batch) > offset) return batch;
    }
    const above = this.#selectBaseAfter.get(log, offset)?.["base"];
    const gap = this.#gaps.firstBehind(place, offset);
    const isBatch = typeof above === "number";
    if (gap !== undefined && (!isBatch || gap.firstOffset < above)) return gap;
    return isBatch ? this.#load(place, above) : undefined;
  }

  /** Nothing was found: is this the log's end? What was appended meanwhile is found now. */
  #findAgain(place: LogName, offset: number): BatchView | Gap | undefined {
    const { channel, priority } = place;
    const end = this.log(channel, priority)?.end ?? 0;
    if (offset >= end) return undefined;
    const found = this.#find(place, offset);
    if (found !== undefined) return found;
    throw damaged(
      `channel '${channel}' (${priority}): offsets ${offset} to ${end - 1} are missing`,
      {
        ...place,
        offset,
        lastOffset: end - 1,
      },
    );
  }

  /** Offset of the first message stored at `timeMs` or later; the log's end if there is none. */
  offsetAtTime(channel: string, priority: Priority, timeMs: number): number {
    const log = this.log(channel, priority);
    if (log === undefined) return 0;
    let low = log.start;
    let high = log.end;
    // appended_at never falls within one log, so half of what is left can be ruled out each time.
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = this.#selectBaseAt.get(log.id, middle);
      if (row !== undefined && Number(row["appended_at"]) >= timeMs) {
        high = Math.max(low, Number(row["base"]));
      } else low = middle + 1;
    }
    return low;
  }

  #load({ channel, priority, log }: LogName, base: number): BatchView | undefined {
    const cached = this.#cache.get(log, base);
    if (cached !== undefined) return cached;
    const row = this.#selectBatch.get(log, base);
    if (row === undefined) return undefined;
    const data = row["data"];
    if (!(data instanceof Uint8Array)) throw damaged(`batch ${base} of '${channel}' has no bytes`);
    const head = {
      log,
      base,
      count: Number(row["count"]),
      appendedAtMs: Number(row["appended_at"]),
      previousCrc: Number(row["previous_crc"]),
    };
    const place = { channel, priority, log, offset: base };
    const crc = Number(row["crc"]);
    if (batchCrc(head, data) !== crc) {
      const last = base + head.count - 1;
      throw damaged(
        `channel '${channel}' (${priority}): offsets ${base} to ${last} fail their checksum`,
        { ...place, lastOffset: last },
      );
    }
    this.#checkChain(base, head.previousCrc, place);
    const batch = new BatchView(data, { channel, priority, base, appendedAtMs: head.appendedAtMs });
    this.#last.set(log, { end: endOf(batch), crc });
    this.#cache.put(log, batch);
    return batch;
  }

  /** A batch that is missing before this one, or stands in another's place, is found here. */
  #checkChain(base: number, previousCrc: number, place: LogName): void {
    const last = this.#last.get(place.log);
    if (last?.end === base && last.crc === previousCrc) return;
    const before = this.#selectBefore.get(place.log, base)?.["crc"];
    if (before === previousCrc) return;
    // Retention removes from the front: the first batch left has no other before it.
    const start = this.log(place.channel, place.priority)?.start ?? 0;
    if (before === undefined && base <= start) return;
    // After a gap the chain begins anew.
    if (this.#gaps.endsAt(place.log, base)) return;
    throw damaged(
      `channel '${place.channel}' (${place.priority}): messages before offset ${base} are ` +
        "missing, or not the ones that were stored",
      { ...place, offset: base },
    );
  }

  /** Closes the connection; whoever reads from now on is told `reason`. */
  close(reason?: SpillwayError): void {
    this.connection.close(reason);
  }
}
