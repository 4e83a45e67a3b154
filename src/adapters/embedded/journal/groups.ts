// Groups: their rows, what they read, where they started, and the cursors and open lists that a
// new owner of a range goes on with. Works inside the write transaction. Always true: a group is
// created with a lease row per range and with a cursor wherever it does not start at offset 0.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { StartPosition } from "../../../ports/transport.ts";
import { type Catalog, type Channel, laneOf, type LogHead, priorityOf } from "./catalog.ts";
import type { RangeGrant } from "./engine.ts";
import { checkRowCrc } from "./format.ts";
import type { PendingRows } from "./pending-rows.ts";
import { batchAtOrBeforeSql, resolveStart } from "./positions.ts";
import { nextNumber } from "./removed-rows.ts";
import { groupCrc, leaseCrc } from "./row-checksums.ts";
import type { Writer } from "./writer.ts";

interface GroupRow {
  id: number;
  channel: number;
  name: string;
  selection: string;
  crc: number;
}

/** What a group reads, as stored: the sorted contract types, or null for everything. */
export function selectionText(types: readonly string[] | undefined): string {
  return JSON.stringify(types ?? null);
}

/** See the head of this file. */
export class Groups {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #pending: PendingRows;

  constructor(writer: Writer, catalog: Catalog, pending: PendingRows) {
    this.#writer = writer;
    this.#catalog = catalog;
    this.#pending = pending;
  }

  /**
   * The id of a group, created where it is new. Throws GROUP_CONFLICT when it reads something else
   * and a member lives.
   */
  ensure(
    channel: Channel,
    name: string,
    selection: string,
    from: StartPosition,
    wallMs: number,
  ): number {
    const row = this.#writer.one<GroupRow>(
      "SELECT id, channel, name, selection, crc FROM grp WHERE channel = ? AND name = ?",
      channel.id,
      name,
    );
    if (row === undefined) return this.#create(channel, name, selection, from, wallMs);
    checkRowCrc("a group row", row.crc, [row.channel, row.name, row.selection]);
    if (row.selection !== selection) this.#replaceSelection(channel, row, selection);
    return row.id;
  }

  /** Somebody of these groups lives: retention waits for them. */
  seen(groups: Iterable<number>, wallMs: number): void {
    for (const group of groups) {
      this.#writer.run(
        "UPDATE grp SET seen_at = ?, warned_at = 0, ended_at = 0 WHERE id = ?",
        wallMs,
        group,
      );
    }
  }

  /** Everything a new owner of a range goes on with. */
  grant(group: number, channel: Channel, range: number, epoch: number): RangeGrant {
    const cursors: { priority: ReturnType<typeof priorityOf>; position: number }[] = [];
    const open: RangeGrant["open"][number][] = [];
    for (const head of this.#catalog.heads(channel)) {
      const priority = priorityOf(head.lane);
      const cursor = this.#writer.one<{ position: number; crc: number }>(
        "SELECT position, crc FROM cursor WHERE grp = ? AND log = ? AND range = ?",
        group,
        head.id,
        range,
      );
      if (cursor !== undefined) {
        checkRowCrc("a cursor", cursor.crc, [group, head.id, range, cursor.position]);
        cursors.push({ priority, position: cursor.position });
      }
      const rows = this.#writer.all<{ base: number; entries: Uint8Array; crc: number }>(
        "SELECT base, entries, crc FROM open WHERE grp = ? AND log = ? AND range = ? ORDER BY base",
        group,
        head.id,
        range,
      );
      for (const { base, entries, crc } of rows) {
        checkRowCrc("an open list", crc, [group, head.id, range, base], entries);
        open.push({ priority, base, entries });
      }
    }
    return { range, epoch, cursors, open };
  }

  #create(
    channel: Channel,
    name: string,
    selection: string,
    from: StartPosition,
    wallMs: number,
  ): number {
    const group = this.#writer.insert(
      "INSERT INTO grp (id, channel, name, selection, seen_at, dropped, crc) " +
        "VALUES (?, ?, ?, ?, ?, 0, ?)",
      nextNumber(this.#writer, "grp"),
      channel.id,
      name,
      selection,
      wallMs,
      groupCrc(channel.id, name, selection),
    );
    for (let range = 0; range < channel.partitions; range++) {
      this.#writer.run(
        "INSERT INTO lease (grp, range, epoch, member, crc) VALUES (?, ?, 0, 0, ?)",
        group,
        range,
        leaseCrc(group, range, 0, 0),
      );
    }
    const heads = this.#logsFor(channel, from);
    const normal = heads.find((head) => head.lane === laneOf("normal"));
    const find = (log: number, offset: number) =>
      this.#writer.one<{ base: number; count: number; appended_at: number }>(
        batchAtOrBeforeSql,
        log,
        offset,
      );
    for (const head of heads) {
      const position = resolveStart(from, head, normal, find);
      if (position === 0) continue;
      for (let range = 0; range < channel.partitions; range++) {
        this.#pending.moveCursor(group, head.id, range, position);
      }
    }
    this.#pending.flush();
    return group;
  }

  /** An offset given for a channel that is still empty counts in a log that has to exist. */
  #logsFor(channel: Channel, from: StartPosition): LogHead[] {
    const offsetGiven = typeof from === "object" && "offset" in from;
    if (offsetGiven) this.#catalog.head(channel, laneOf("normal"));
    return this.#catalog.heads(channel);
  }

  #replaceSelection(channel: Channel, row: GroupRow, selection: string): void {
    const living = this.#writer.one("SELECT 1 FROM member WHERE grp = ? LIMIT 1", row.id);
    if (living !== undefined) {
      throw new SpillwayError(
        "GROUP_CONFLICT",
        `group '${row.name}' on channel '${channel.name}' already reads ${row.selection} and ` +
          `cannot read ${selection} as well: give this subscription a group of its own`,
        { details: { channel: channel.name, group: row.name, reads: row.selection, selection } },
      );
    }
    this.#writer.run(
      "UPDATE grp SET selection = ?, crc = ? WHERE id = ?",
      selection,
      groupCrc(channel.id, row.name, selection),
      row.id,
    );
  }
}
