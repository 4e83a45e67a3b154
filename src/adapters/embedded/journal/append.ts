// Appending: one batch becomes one row of its log, chained to the row before by checksum; a
// batch of delayed messages becomes timers. Works inside the write transaction. Always true:
// offsets of a log are dense at append, and `appended_at` never goes back within a log.
import type { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Clock } from "../../../kernel/clock.ts";
import { type Catalog, type Channel, laneOf, type LogHead } from "./catalog.ts";
import { sizeStored, withinRoom } from "./append-room.ts";
import type { Deduper } from "./dedupe.ts";
import type { Doubts } from "./doubts.ts";
import type { EncodedAppend, EngineAppendResult } from "./engine.ts";
import { batchCrc, compressBatch, subsetBatch, viewOf } from "./format.ts";
import type { ChannelLimits } from "./limits.ts";
import { reusedIn, type ReusedPlace } from "./reused-ids.ts";
import type { Timers } from "./timers.ts";
import type { Writer } from "./writer.ts";

/** An append that is ready for its transaction. */
export interface PreparedAppend {
  readonly append: EncodedAppend;
  /** What is stored if nothing of it is a repeat; undefined: it had no channel. */
  readonly stored: Uint8Array | undefined;
}

const dropped: EngineAppendResult = { firstOffset: -1, exceptions: [], isDropped: true };

/** See the head of this file. */
export class Appender {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #deduper: Deduper;
  readonly #timers: Timers;
  readonly #doubts: Doubts;
  readonly #limits: ChannelLimits;
  readonly #clock: Clock;

  constructor(parts: {
    readonly writer: Writer;
    readonly catalog: Catalog;
    readonly deduper: Deduper;
    readonly timers: Timers;
    readonly doubts: Doubts;
    readonly limits: ChannelLimits;
    readonly clock: Clock;
  }) {
    this.#writer = parts.writer;
    this.#catalog = parts.catalog;
    this.#deduper = parts.deduper;
    this.#timers = parts.timers;
    this.#doubts = parts.doubts;
    this.#limits = parts.limits;
    this.#clock = parts.clock;
  }

  /** Does what needs no lock: the compression. */
  prepare(append: EncodedAppend): PreparedAppend {
    const channel = this.#catalog.find(append.channel);
    if (channel === undefined) return { append, stored: undefined };
    const plain = append.dueAtMs !== undefined || channel.compression === "none";
    return { append, stored: plain ? append.blob : compressBatch(append.blob) };
  }

  /** Why apply() would throw: one of these has no channel; inside a transaction. */
  unknownIn(prepared: readonly PreparedAppend[]): SpillwayError | undefined {
    for (const { append, stored } of prepared) {
      if (append.isOptional) continue;
      const isThere = stored !== undefined && this.#catalog.find(append.channel) !== undefined;
      if (!isThere) return this.#catalog.unknown(append.channel);
    }
    return undefined;
  }

  /** Messages that apply() would refuse, or that the unit has twice; inside a transaction. */
  reusedIn(appends: readonly EncodedAppend[]): ReusedPlace[] {
    return reusedIn(this.#deduper, this.#catalog, appends, this.#clock.wallMs());
  }

  /** Undefined: the append is dropped. Throws UNKNOWN_CHANNEL. */
  #channelOf({ channel, isOptional }: EncodedAppend): Channel | undefined {
    return isOptional ? this.#catalog.find(channel) : this.#catalog.channel(channel);
  }

  /**
   * Stores what is new of an append; inside a transaction. What finds no room in its channel is
   * refused, unless `isLetThrough`.
   */
  apply(prepared: PreparedAppend, isLetThrough: boolean): EngineAppendResult {
    const { append, stored } = prepared;
    const channel = this.#channelOf(append);
    if (channel === undefined || stored === undefined) return dropped;
    const lane = laneOf(append.priority);
    const { count, blob } = append;
    const room = isLetThrough ? count : this.#limits.fitting(channel, lane, count, blob.length);
    const result = this.#store(channel, prepared, room);
    this.#limits.took(channel, ...sizeStored(append, result));
    const refused = result.exceptions.filter(([, what]) => what === "BACK_PRESSURE").length;
    if (refused === 0) return result;
    return { ...result, refusal: this.#limits.refusal(channel, lane, refused) };
  }

  /** Stores at most `room` messages of an append, the first ones that are no repeats. */
  #store(channel: Channel, prepared: PreparedAppend, room: number): EngineAppendResult {
    const { append, stored = append.blob } = prepared;
    const { count, blob, dueAtMs } = append;
    const lane = laneOf(append.priority);
    const nowMs = this.#clock.wallMs();
    if (dueAtMs !== undefined) {
      const exceptions = this.#timers.accept(channel, lane, { blob, dueAtMs, room }, nowMs);
      return { firstOffset: -1, exceptions };
    }
    const head = this.#catalog.head(channel, lane);
    const firstOffset = head.end;
    if (!append.hasGivenIds && room >= count) {
      this.store(head, stored, count, false, nowMs);
      return { firstOffset, exceptions: [] };
    }
    const { keep, exceptions } = append.hasGivenIds
      ? this.#deduper.checkBatch(head, viewOf(blob), nowMs, room)
      : withinRoom(count, room);
    const given = append.hasGivenIds;
    if (keep === undefined) this.store(head, stored, count, given, nowMs);
    else if (keep.length > 0) {
      const rest = subsetBatch(blob, keep);
      this.store(head, compressedFor(channel, rest), keep.length, given, nowMs);
    }
    return { firstOffset, exceptions };
  }

  /** Writes one batch at the end of a log; inside a transaction. */
  store(head: LogHead, blob: Uint8Array, count: number, given: boolean, nowMs: number): void {
    const appendedAtMs = Math.max(nowMs, head.appendedAtMs);
    const place = { log: head.id, base: head.end, count, appendedAtMs, previousCrc: head.lastCrc };
    const crc = batchCrc(place, blob);
    this.#writer.run(
      "INSERT INTO batch (log, base, count, appended_at, previous_crc, crc, given, data) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      head.id,
      head.end,
      count,
      appendedAtMs,
      head.lastCrc,
      crc,
      given ? 1 : 0,
      blob,
    );
    this.#doubts.note(head.channel, head.lane, head.end, count);
    head.end += count;
    head.bytes += blob.byteLength;
    head.appendedAtMs = appendedAtMs;
    head.lastCrc = crc;
    this.#catalog.change(head);
  }
}

/** The blob as this channel keeps it. */
export function compressedFor(
  channel: Channel,
  blob: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  return channel.compression === "zstd" ? compressBatch(blob) : blob;
}
