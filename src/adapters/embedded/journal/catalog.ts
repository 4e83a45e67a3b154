// Channels and their logs as this process knows them: read once, forgotten when another process
// committed or a transaction was rolled back. Always true: inside a transaction a log's head says
// where the log ends, and what was appended since BEGIN is in it; flush() writes it back.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { type Priority, priorities } from "../../../message/envelope.ts";
import type { ChannelDeclaration, Limits, Retention } from "../../../ports/transport.ts";
import { settingsOf, settingsText } from "./channel-settings.ts";
import { checkRowCrc } from "./format-crc.ts";
import { insertGap, lostLog } from "./gaps.ts";
import { isRemoved, nextNumber } from "./removed-rows.ts";
import { channelCrc, logCrc } from "./row-checksums.ts";
import type { Writer, WriterCache } from "./writer.ts";

/** A channel as stored. */
export interface Channel {
  readonly id: number;
  readonly name: string;
  readonly partitions: number;
  readonly retention: Retention;
  readonly compression: "none" | "zstd";
  readonly limits: Limits | undefined;
}

/** Where a log stands; changes with every append. */
export interface LogHead {
  readonly id: number;
  readonly channel: Channel;
  readonly lane: number;
  start: number;
  end: number;
  bytes: number;
  appendedAtMs: number;
  lastCrc: number;
}

interface ChannelRow {
  id: number;
  name: string;
  partitions: number;
  retention: string;
  compression: "none" | "zstd";
  crc: number;
}

interface LogRow {
  id: number;
  channel: number;
  lane: number;
  start: number;
  end: number;
  bytes: number;
  appended_at: number;
  last_crc: number;
  crc: number;
}

const lanes = priorities.length;
const channelsNamedMax = 20;

/** See the head of this file. */
export class Catalog implements WriterCache {
  readonly #writer: Writer;
  readonly #channels = new Map<string, Channel>();
  readonly #heads = new Map<number, LogHead>();
  /** Channels all of whose logs are in `#heads`. */
  readonly #whole = new Set<Channel>();
  readonly #changed = new Set<LogHead>();
  #moved: LogHead[] = [];

  constructor(writer: Writer) {
    this.#writer = writer;
    writer.attach(this);
  }

  begun(foreign: boolean): void {
    this.#moved = [];
    if (foreign) this.forget();
  }

  rolledBack(): void {
    this.forget();
  }

  /** Reads everything anew when it is next needed. */
  forget(): void {
    this.#channels.clear();
    this.#heads.clear();
    this.#whole.clear();
    this.#changed.clear();
    this.#moved = [];
  }

  /** Creates the channel, changes what may change, or throws CHANNEL_CONFLICT. */
  declare(declaration: ChannelDeclaration): void {
    const { name, partitions, compression } = declaration;
    const retention = settingsText(declaration);
    const known = this.find(name);
    if (known === undefined) {
      this.#writer.run(
        "INSERT INTO channel (id, name, partitions, retention, compression, crc) " +
          "VALUES (?,?,?,?,?,?)",
        nextNumber(this.#writer, "channel"),
        name,
        partitions,
        retention,
        compression,
        channelCrc(name, partitions, retention, compression),
      );
      return;
    }
    this.#writer.run(
      "UPDATE channel SET retention = ?, compression = ?, crc = ? WHERE id = ?",
      retention,
      compression,
      channelCrc(name, partitions, retention, compression),
      known.id,
    );
    this.#channels.delete(name);
    this.#whole.delete(known);
    for (const head of this.#heads.values()) {
      if (head.channel === known) this.#heads.delete(logKey(known.id, head.lane));
    }
  }

  /** Whether declare() would change nothing. Throws CHANNEL_CONFLICT for other partitions. */
  isDeclared(declaration: ChannelDeclaration): boolean {
    const known = this.find(declaration.name);
    if (known === undefined) return false;
    if (known.partitions !== declaration.partitions) {
      throw new SpillwayError(
        "CHANNEL_CONFLICT",
        `channel '${known.name}' has ${known.partitions} partitions, not ` +
          `${declaration.partitions}: declare it with ${known.partitions}, or use another name`,
        { details: { channel: known.name, partitions: known.partitions } },
      );
    }
    return (
      known.compression === declaration.compression &&
      settingsText(known) === settingsText(declaration)
    );
  }

  /** The channel of that name; throws UNKNOWN_CHANNEL with the names there are. */
  channel(name: string): Channel {
    const channel = this.find(name);
    if (channel !== undefined) return channel;
    throw this.unknown(name);
  }

  /** The error for a channel that does not exist. */
  unknown(name: string): SpillwayError {
    const names = this.channels()
      .map((known) => known.name)
      .filter((each) => !isRemoved(each))
      .slice(0, channelsNamedMax);
    return new SpillwayError(
      "UNKNOWN_CHANNEL",
      `there is no channel '${name}' in this journal; there are: ${names.join(", ") || "none"}`,
      { details: { channel: name } },
    );
  }

  /** All channels, by name. */
  channels(): Channel[] {
    const rows = this.#writer.all<ChannelRow>("SELECT * FROM channel ORDER BY name");
    return rows.map((row) => this.#keep(row));
  }

  /** The log of a channel's lane, made on first use; inside a transaction. */
  head(channel: Channel, lane: number): LogHead {
    const known = this.#heads.get(logKey(channel.id, lane)) ?? this.existing(channel, lane);
    if (known !== undefined) return known;
    const lost = lostLog(this.#writer, channel.name, lane);
    const end = lost?.end ?? 0;
    this.#whole.delete(channel);
    const log = this.#writer.insert(
      "INSERT INTO log (id, channel, lane, start, end, bytes, appended_at, last_crc, crc) " +
        "VALUES (?, ?, ?, 0, ?, 0, 0, 0, ?)",
      nextNumber(this.#writer, "log"),
      channel.id,
      lane,
      end,
      logCrc(channel.id, lane, 0, end, 0, 0, 0),
    );
    if (lost !== undefined) {
      const reason = "lost";
      insertGap(this.#writer, { log, base: 0, count: end, reason, noted_at: lost.notedAtMs });
    }
    return this.existing(channel, lane) as LogHead;
  }

  /** The log of a channel's lane as of now, or undefined where it was never used. */
  existing(channel: Channel, lane: number): LogHead | undefined {
    const known = this.#heads.get(logKey(channel.id, lane));
    if (known !== undefined || this.#whole.has(channel)) return known;
    const row = this.#writer.one<LogRow>(
      "SELECT * FROM log WHERE channel = ? AND lane = ?",
      channel.id,
      lane,
    );
    return row === undefined ? undefined : this.#keepHead(row, channel);
  }

  /** The logs that a channel has. */
  heads(channel: Channel): LogHead[] {
    if (!this.#whole.has(channel)) this.#readHeads(channel);
    const heads: LogHead[] = [];
    for (let lane = 0; lane < lanes; lane++) {
      const head = this.existing(channel, lane);
      if (head !== undefined) heads.push(head);
    }
    return heads;
  }

  #readHeads(channel: Channel): void {
    const sql = "SELECT * FROM log WHERE channel = ?";
    for (const row of this.#writer.all<LogRow>(sql, channel.id)) {
      if (!this.#heads.has(logKey(channel.id, row.lane))) this.#keepHead(row, channel);
    }
    this.#whole.add(channel);
  }

  /** The head was changed; flush() writes it. */
  change(head: LogHead): void {
    this.#changed.add(head);
  }

  /** The logs that the last committed transaction changed. */
  get moved(): readonly LogHead[] {
    return this.#moved;
  }

  /** Writes the changed heads. */
  flush(): void {
    for (const head of this.#changed) {
      const { id, channel, lane, start, end, bytes, appendedAtMs, lastCrc } = head;
      this.#writer.run(
        "UPDATE log SET start = ?, end = ?, bytes = ?, appended_at = ?, last_crc = ?, crc = ? " +
          "WHERE id = ?",
        start,
        end,
        bytes,
        appendedAtMs,
        lastCrc,
        logCrc(channel.id, lane, start, end, bytes, appendedAtMs, lastCrc),
        id,
      );
    }
    this.#moved = [...this.#changed];
    this.#changed.clear();
  }

  /** The channel of that name, or undefined. */
  find(name: string): Channel | undefined {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const row = this.#writer.one<ChannelRow>("SELECT * FROM channel WHERE name = ?", name);
    return row === undefined ? undefined : this.#keep(row);
  }

  #keep(row: ChannelRow): Channel {
    const known = this.#channels.get(row.name);
    if (known !== undefined) return known;
    const { id, name, partitions, retention, compression, crc } = row;
    checkRowCrc("a channel row", crc, [name, partitions, retention, compression]);
    const channel = { id, name, partitions, compression, ...settingsOf(retention) };
    this.#channels.set(name, channel);
    return channel;
  }

  #keepHead(row: LogRow, channel: Channel): LogHead {
    const { id, lane, start, end, bytes, appended_at: appendedAtMs, last_crc: lastCrc } = row;
    checkRowCrc(`the log of channel '${channel.name}'`, row.crc, [
      channel.id,
      lane,
      start,
      end,
      bytes,
      appendedAtMs,
      lastCrc,
    ]);
    const head: LogHead = { id, channel, lane, start, end, bytes, appendedAtMs, lastCrc };
    this.#heads.set(logKey(channel.id, lane), head);
    return head;
  }
}

/** The lane number of a priority. */
export function laneOf(priority: Priority): number {
  return priorities.indexOf(priority);
}

/** The priority of a lane number. */
export function priorityOf(lane: number): Priority {
  return priorities[lane] as Priority;
}

function logKey(channel: number, lane: number): number {
  return channel * lanes + lane;
}
