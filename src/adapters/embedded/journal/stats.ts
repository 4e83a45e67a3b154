// What the journal counts for people: logs, groups, depth and lag. Reads only. Always true:
// depth is exact while a group's ranges stand at the same offset, and while they differ by no
// more than `batchesMax` batches; beyond that, the messages in between are taken as spread evenly.
import type { Clock } from "../../../kernel/clock.ts";
import type { ChannelStats, GroupStats } from "../../../ports/transport.ts";
import { type Catalog, type Channel, type LogHead, priorityOf } from "./catalog.ts";
import { decodeOpen } from "./format.ts";
import { expiryOf, type GroupAge } from "./group-expiry.ts";
import { batchAtOrBeforeSql } from "./positions.ts";
import { isRemoved } from "./removed-rows.ts";
import { countDelayed } from "./timers.ts";
import { type Unread as UnreadBefore, UnreadWalk } from "./unread-walk.ts";
import { Unsettled } from "./unsettled.ts";
import type { Writer } from "./writer.ts";

type Unread = Pick<UnreadBefore, "messages" | "oldestAtMs">;

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
  readonly #walk: UnreadWalk;

  constructor(parts: {
    readonly writer: Writer;
    readonly catalog: Catalog;
    readonly clock: Clock;
  }) {
    this.#writer = parts.writer;
    this.#catalog = parts.catalog;
    this.#clock = parts.clock;
    this.#unsettled = new Unsettled(parts.writer, parts.catalog);
    this.#walk = new UnreadWalk(parts.writer);
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
      const unread = this.#unread(row.id, head);
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

  #unread(group: number, head: LogHead): Unread {
    const standing = this.#walk.standing(group, head);
    const { positions, highest } = standing;
    const { messages: counted, oldestAtMs, countedTo } = this.#walk.before(head, standing);
    const left = positions.reduce(
      (sum, at) => sum + highest - Math.min(Math.max(at, countedTo), highest),
      0,
    );
    const messages = head.end - highest + counted + Math.round(left / positions.length);
    if (oldestAtMs !== undefined || head.end === highest) return { messages, oldestAtMs };
    return { messages, oldestAtMs: this.#storedAtMs(head, highest) };
  }

  #storedAtMs(head: LogHead, offset: number): number | undefined {
    return this.#writer.one<{ appended_at: number }>(batchAtOrBeforeSql, head.id, offset)
      ?.appended_at;
  }
}
