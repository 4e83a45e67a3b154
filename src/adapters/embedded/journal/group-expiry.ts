// Groups that nobody reads for any more (docs/adr/0003): a group without members for as long as its
// channel allows does not hold retention back any longer. Always true: that is announced, and
// stands in the group's row, a third of that time before it happens, however long the journal
// itself was closed; a group that has read everything is left alone; a member that joins takes both
// marks away.
import type { Clock } from "../../../kernel/clock.ts";
import { formatTime } from "../../../kernel/timestamp.ts";
import type { Catalog, Channel, LogHead } from "./catalog.ts";
import type { EngineNotice } from "./engine.ts";
import type { Health } from "./health.ts";
import type { Writer } from "./writer.ts";

/** Days without members after which a group of a channel that says nothing is passed. */
export const groupDaysDefault = 30;
/** Share of that time that is left when it is announced. */
const noticeShare = 1 / 3;
/** How often groups without members are looked at. */
const lookMs = 60_000;
/** Most of them that one look reads; the next one goes on behind them. */
export const groupsAtOnce = 1_024;
/** Most groups that health names. */
const groupsNamedMax = 5;
const dayMs = 86_400_000;

/** What the journal remembers of a group without members. */
export interface GroupAge {
  readonly seen_at: number;
  readonly warned_at: number;
  readonly ended_at: number;
}

interface IdleGroup extends GroupAge {
  readonly id: number;
  readonly name: string;
  readonly channel: string;
}

/** When retention stops waiting for a group without members, or did, wall ms. */
export function expiryOf(group: GroupAge, channel: Channel): number {
  if (group.ended_at > 0) return group.ended_at;
  const { groupDays = groupDaysDefault } = channel.retention;
  const warnedAtMs = group.warned_at === 0 ? 0 : group.warned_at + groupDays * dayMs * noticeShare;
  return Math.max(group.seen_at + groupDays * dayMs, warnedAtMs);
}

/** See the head of this file. */
export class GroupExpiry {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  readonly #health: Health;
  readonly #notify: (notice: EngineNotice) => void;
  /** Groups that were announced and are still waited for, by id, with what health says of them. */
  readonly #announced = new Map<number, string>();
  #dueAtMs: number;
  #lookedAt = 0;

  constructor(parts: {
    readonly writer: Writer;
    readonly catalog: Catalog;
    readonly clock: Clock;
    readonly health: Health;
    readonly notify: (notice: EngineNotice) => void;
  }) {
    this.#writer = parts.writer;
    this.#catalog = parts.catalog;
    this.#clock = parts.clock;
    this.#health = parts.health;
    this.#notify = parts.notify;
    this.#dueAtMs = parts.clock.monotonicMs();
  }

  /** When step() wants to be called again, on the monotonic clock. */
  get dueAtMs(): number {
    return this.#dueAtMs;
  }

  /** Looks at groups without members: announces, ends, and tells health. */
  step(): void {
    this.#dueAtMs = this.#clock.monotonicMs() + lookMs;
    const wallMs = this.#clock.wallMs();
    if (this.#lookedAt === 0) this.#announced.clear();
    const rows = this.#idleGroups();
    this.#lookedAt = rows.length < groupsAtOnce ? 0 : (rows.at(-1)?.id ?? 0);
    for (const row of rows) this.#look(row, this.#catalog.channel(row.channel), wallMs);
    if (this.#lookedAt === 0) this.#tellHealth();
    else this.#dueAtMs = this.#clock.monotonicMs();
  }

  #idleGroups(): IdleGroup[] {
    return this.#writer.all<IdleGroup>(
      "SELECT grp.id, grp.name, channel.name AS channel, seen_at, warned_at, ended_at FROM grp " +
        "JOIN channel ON channel.id = grp.channel WHERE grp.id > ? AND ended_at = 0 " +
        "AND NOT EXISTS (SELECT 1 FROM member WHERE member.grp = grp.id) " +
        `ORDER BY grp.id LIMIT ${groupsAtOnce}`,
      this.#lookedAt,
    );
  }

  #look(group: IdleGroup, channel: Channel, wallMs: number): void {
    const { groupDays = groupDaysDefault, unread } = channel.retention;
    // Such a channel waits for nobody anyway.
    if (unread === "drop") return;
    const noticeMs = groupDays * dayMs * noticeShare;
    if (wallMs < group.seen_at + groupDays * dayMs - noticeMs) return;
    if (!this.#holdsSomething(group.id, channel)) return;
    if (group.warned_at === 0) {
      if (this.#mark(group, "warned_at", wallMs)) {
        this.#tell(group, "expiring", expiryOf({ ...group, warned_at: wallMs }, channel));
      }
    } else if (wallMs >= expiryOf(group, channel)) {
      if (this.#mark(group, "ended_at", wallMs)) this.#tell(group, "expired", wallMs);
      return;
    }
    const since = formatTime(group.seen_at);
    this.#announced.set(
      group.id,
      `group '${group.name}' on channel '${group.channel}' has had no member since ${since}`,
    );
  }

  /** Writes a mark unless somebody joined or another process was first; whether it did. */
  #mark(group: IdleGroup, column: "warned_at" | "ended_at", wallMs: number): boolean {
    return this.#writer.transaction("marking a group that nobody reads for", () => {
      const changed = this.#writer.run(
        `UPDATE grp SET ${column} = ? WHERE id = ? AND ${column} = 0 AND seen_at = ? ` +
          "AND NOT EXISTS (SELECT 1 FROM member WHERE member.grp = grp.id)",
        wallMs,
        group.id,
        group.seen_at,
      );
      return changed === 1;
    });
  }

  /** Whether a message is stored that the group has not settled. */
  #holdsSomething(group: number, channel: Channel): boolean {
    return this.#catalog.heads(channel).some((head) => {
      const open = this.#writer.one("SELECT 1 FROM open WHERE grp = ? AND log = ?", group, head.id);
      return open !== undefined || this.#lowest(group, channel, head) < head.end;
    });
  }

  #lowest(group: number, channel: Channel, head: LogHead): number {
    const row = this.#writer.one<{ ranges: number; lowest: number | null }>(
      "SELECT count(*) AS ranges, min(position) AS lowest FROM cursor WHERE grp = ? AND log = ?",
      group,
      head.id,
    );
    // A range without a cursor starts at 0.
    const lowest = row?.ranges === channel.partitions ? (row.lowest ?? 0) : 0;
    return Math.max(lowest, head.start);
  }

  #tell({ channel, name }: IdleGroup, state: "expiring" | "expired", expiresAtMs: number): void {
    this.#notify({ kind: "group", channel, group: name, state, expiresAtMs });
  }

  #tellHealth(): void {
    const lines = [...this.#announced.values()];
    if (lines.length === 0) return this.#health.clear("groups");
    const more = lines.length - groupsNamedMax;
    const named = lines.slice(0, groupsNamedMax).join("; ") + (more > 0 ? `; ${more} more` : "");
    const reason = `${named}: unless its service starts, retention will remove messages unread`;
    this.#health.report("groups", reason);
    this.#health.amend("groups", reason);
  }
}
