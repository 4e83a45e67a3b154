// What the journal counts for people: logs, groups, depth and lag. Reads only. Always true:
// depth is exact while a group's ranges stand at the same offset, and while they differ by no
// more than `scannedBatchesMax` batches; beyond that, the messages in between are taken as
// spread evenly.
import type { Clock } from "../../../kernel/clock.ts";
import type { ChannelStats, GroupStats } from "../../../ports/transport.ts";
import { type Catalog, type Channel, type LogHead, priorityOf } from "./catalog.ts";
import { decodeOpen, viewOf } from "./format.ts";
import { expiryOf, type GroupAge } from "./group-expiry.ts";
import { batchAtOrBeforeSql } from "./positions.ts";
import { isRemoved } from "./removed-rows.ts";
import { countDelayed } from "./timers.ts";
import { Unsettled } from "./unsettled.ts";
import type { Writer } from "./writer.ts";

/** How many batches one group's count looks into at most. */
export const scannedBatchesMax = 256;

/** What is unsettled at or after the cursors of one log. */
interface Unread {
  readonly messages: number;
  /** When the oldest of them was stored. */
  readonly oldestAtMs: number | undefined;
}

interface GroupRow extends GroupAge {
  id: number;
  name: string;
  members: number;
  expired: number;
  dropped: number;
  lost: number;
}

/** See the head of this file. */
export class Stats {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  readonly #unsettled: Unsettled;

  constructor(parts: {
    readonly writer: Writer;
    readonly catalog: Catalog;
    readonly clock: Clock;
  }) {
    this.#writer = parts.writer;
    this.#catalog = parts.catalog;
    this.#clock = parts.clock;
    this.#unsettled = new Unsettled(parts.writer, parts.catalog);
  }

  /** All channels with their logs and groups, as committed now: all of one moment. */
  channels(): ChannelStats[] {
    const { connection } = this.#writer;
    if (connection.isTransaction) return this.#channels();
    connection.exec("BEGIN");
    try {
      return this.#channels();
    } finally {
      connection.exec("ROLLBACK");
    }
  }

  #channels(): ChannelStats[] {
    this.#catalog.forget();
    const delayed = countDelayed(this.#writer);
    const wallMs = this.#clock.wallMs();
    const there = this.#catalog.channels().filter(({ name }) => !isRemoved(name));
    return there.map((channel) => {
      const heads = this.#catalog.heads(channel);
      const groups = this.#writer.all<GroupRow>(
        "SELECT id, name, seen_at, warned_at, ended_at, expired, dropped, lost, " +
          "(SELECT count(*) FROM member WHERE member.grp = grp.id) AS members " +
          "FROM grp WHERE channel = ? ORDER BY name",
        channel.id,
      );
      return {
        channel: channel.name,
        partitions: channel.partitions,
        logs: heads.map(({ lane, start, end, bytes }) => {
          return { priority: priorityOf(lane), startOffset: start, endOffset: end, bytes };
        }),
        delayed: delayed.get(channel.id) ?? 0,
        groups: groups.map((group) => this.#group(group, channel, heads, wallMs)),
        ...this.#limits(channel),
      };
    });
  }

  #limits(channel: Channel): Pick<ChannelStats, "limits" | "waiting"> {
    const { limits } = channel;
    if (limits === undefined) return {};
    const { depth, bytes } = this.#unsettled.of(channel);
    return { limits, waiting: { depth, bytes } };
  }

  #group(row: GroupRow, channel: Channel, heads: readonly LogHead[], wallMs: number): GroupStats {
    let depth = 0;
    let open = 0;
    let oldestAtMs = wallMs;
    for (const head of heads) {
      const unread = this.#unread(row.id, channel, head);
      depth += unread.messages;
      oldestAtMs = Math.min(oldestAtMs, unread.oldestAtMs ?? wallMs);
      const lists = this.#writer.all<{ base: number; entries: Uint8Array }>(
        "SELECT base, entries FROM open WHERE grp = ? AND log = ? ORDER BY base",
        row.id,
        head.id,
      );
      for (const { base, entries } of lists) {
        const listed = decodeOpen(base, entries);
        depth += listed.length;
        open += listed.filter(({ reason }) => reason !== "in-flight").length;
      }
      const first = lists[0];
      if (first !== undefined) {
        oldestAtMs = Math.min(oldestAtMs, this.#storedAtMs(head, first.base) ?? wallMs);
      }
    }
    const { name: group, members, expired, dropped, lost } = row;
    const lagMs = Math.max(0, wallMs - oldestAtMs);
    const waits = members === 0 && channel.retention.unread !== "drop";
    const expiresAtMs = waits ? expiryOf(row, channel) : undefined;
    const idleSinceMs = members === 0 ? row.seen_at : undefined;
    const counted = { depth, open, lagMs, members, expired, dropped, lost };
    return { group, ...counted, idleSinceMs, expiresAtMs };
  }

  #unread(group: number, channel: Channel, head: LogHead): Unread {
    const positions = new Float64Array(channel.partitions).fill(head.start);
    const rows = this.#writer.all<{ range: number; position: number }>(
      "SELECT range, position FROM cursor WHERE grp = ? AND log = ?",
      group,
      head.id,
    );
    for (const { range, position } of rows) {
      positions[range] = Math.min(Math.max(position, head.start), head.end);
    }
    const highest = positions.reduce((left, right) => Math.max(left, right));
    const behind = this.#between(head, positions, highest);
    const messages = head.end - highest + behind.messages;
    if (behind.oldestAtMs !== undefined || head.end === highest) return { ...behind, messages };
    return { messages, oldestAtMs: this.#storedAtMs(head, highest) };
  }

  /** Counts records below `highest` that stand at or after the cursor of their own range. */
  #between(head: LogHead, positions: Float64Array, highest: number): Unread {
    const { partitions } = head.channel;
    let messages = 0;
    let oldestAtMs: number | undefined;
    let at = positions.reduce((left, right) => Math.min(left, right));
    for (let scanned = 0; at < highest; scanned++) {
      if (scanned === scannedBatchesMax) {
        for (const position of positions) {
          messages += Math.max(0, highest - Math.max(position, at)) / partitions;
        }
        return { messages: Math.round(messages), oldestAtMs };
      }
      const row = this.#writer.one<{
        base: number;
        count: number;
        appended_at: number;
        data: Uint8Array;
      }>(
        "SELECT base, count, appended_at, data FROM batch WHERE log = ? AND base + count > ? " +
          "AND base >= coalesce((SELECT max(base) FROM batch WHERE log = ? AND base <= ?), 0) " +
          "ORDER BY base LIMIT 1",
        head.id,
        at,
        head.id,
        at,
      );
      if (row === undefined) return { messages, oldestAtMs };
      const view = viewOf(row.data);
      for (let record = 0; record < view.count; record++) {
        const offset = row.base + view.offsetAt(record);
        const range = (view.slotAt(record) * partitions) >>> 16;
        if (offset >= highest || offset < (positions[range] as number)) continue;
        messages++;
        oldestAtMs ??= row.appended_at;
      }
      at = row.base + row.count;
    }
    return { messages, oldestAtMs };
  }

  #storedAtMs(head: LogHead, offset: number): number | undefined {
    return this.#writer.one<{ appended_at: number }>(batchAtOrBeforeSql, head.id, offset)
      ?.appended_at;
  }
}
