// Rows that the units of the running transaction change. Cursor and open rows are gathered, because
// every unit of a group changes the same few; state rows are many and mostly different, and are
// written at once. Always true: state versions asked for here include what earlier units of the
// same transaction wrote; flush() leaves nothing behind.
import type { CursorCopies } from "./cursor-copies.ts";
import { cursorCrc, openCrc, stateCrc } from "./row-checksums.ts";
import type { Writer, WriterCache } from "./writer.ts";

interface Cursor {
  readonly group: number;
  readonly log: number;
  readonly range: number;
  position: number;
}

interface Open {
  readonly group: number;
  readonly log: number;
  readonly range: number;
  readonly base: number;
  entries: Uint8Array | null;
}

const rangesMax = 1_024;
const logsMax = 1_048_576;
/** Numbers of state tables kept in memory. */
export const tablesKnownMax = 4_096;

/** See the head of this file. */
export class PendingRows implements WriterCache {
  readonly #writer: Writer;
  readonly #copies: CursorCopies;
  #cursors = new Map<number, Cursor>();
  #open = new Map<string, Open>();
  #tables = new Map<string, Map<number, number>>();
  #tablesKnown = 0;

  constructor(writer: Writer, copies: CursorCopies) {
    this.#writer = writer;
    this.#copies = copies;
    writer.attach(this);
  }

  /** A group that another process removed may have left its numbers to a new one. */
  begun(foreign: boolean): void {
    if (foreign) this.forgetTables();
  }

  /** New maps, not cleared ones: a cleared map's old table keeps the new one's entries alive. */
  rolledBack(): void {
    this.#cursors = new Map();
    this.#open = new Map();
    this.forgetTables();
  }

  /** Moves a cursor. */
  moveCursor(group: number, log: number, range: number, position: number): void {
    const key = (group * logsMax + log) * rangesMax + range;
    const known = this.#cursors.get(key);
    if (known === undefined) this.#cursors.set(key, { group, log, range, position });
    else known.position = position;
  }

  /** Where a cursor stands as of this moment in the transaction. */
  position(group: number, log: number, range: number): number {
    const pending = this.#cursors.get((group * logsMax + log) * rangesMax + range);
    if (pending !== undefined) return pending.position;
    const sql = "SELECT position FROM cursor WHERE grp = ? AND log = ? AND range = ?";
    return this.#writer.one<{ position: number }>(sql, group, log, range)?.position ?? 0;
  }

  /** Replaces the open list of a batch and range; null removes it. */
  setOpen(
    group: number,
    log: number,
    range: number,
    base: number,
    entries: Uint8Array | null,
  ): void {
    const key = `${group}:${log}:${range}:${base}`;
    const known = this.#open.get(key);
    if (known === undefined) this.#open.set(key, { group, log, range, base, entries });
    else known.entries = entries;
  }

  /** The version of a state row as of this moment in the transaction; 0 where there is none. */
  stateVersion(group: number, table: string, key: string): number {
    const row = this.#writer.one<{ version: number }>(
      "SELECT version FROM state WHERE tbl = ? AND key = ?",
      this.#stateTable(group, table),
      key,
    );
    return row?.version ?? 0;
  }

  /** Writes a state row; null deletes it. */
  setState(group: number, table: string, key: string, version: number, value: string | null): void {
    const id = this.#stateTable(group, table);
    if (value === null) {
      this.#writer.run("DELETE FROM state WHERE tbl = ? AND key = ?", id, key);
      return;
    }
    this.#writer.run(
      "REPLACE INTO state (tbl, key, version, value, crc) VALUES (?, ?, ?, ?, ?)",
      id,
      key,
      version,
      value,
      stateCrc(group, table, key, version, value),
    );
  }

  /** The number of a group's table; made on first use. */
  #stateTable(group: number, name: string): number {
    const known = this.#tables.get(name)?.get(group);
    if (known !== undefined) return known;
    const select = "SELECT id FROM state_table WHERE grp = ? AND name = ?";
    const id =
      this.#writer.one<{ id: number }>(select, group, name)?.id ??
      this.#writer.insert("INSERT INTO state_table (grp, name) VALUES (?, ?)", group, name);
    // Forgotten as a whole: an entry costs one look-up.
    if (this.#tablesKnown++ === tablesKnownMax) this.forgetTables();
    const ofName = this.#tables.get(name);
    if (ofName === undefined) this.#tables.set(name, new Map([[group, id]]));
    else ofName.set(group, id);
    return id;
  }

  /** The numbers of state tables are read anew: a group was removed. */
  forgetTables(): void {
    this.#tables = new Map();
    this.#tablesKnown = 0;
  }

  flush(): void {
    for (const [key, cursor] of this.#cursors) {
      const { group, log, range, position } = cursor;
      this.#writer.run(
        "INSERT INTO cursor (grp, log, range, position, crc) VALUES (?, ?, ?, ?, ?) " +
          "ON CONFLICT DO UPDATE SET position = excluded.position, crc = excluded.crc",
        group,
        log,
        range,
        position,
        cursorCrc(group, log, range, position),
      );
      this.#copies.moving(key, cursor);
    }
    for (const row of this.#open.values()) this.#writeOpen(row);
    this.#cursors = new Map();
    this.#open = new Map();
  }

  #writeOpen({ group, log, range, base, entries }: Open): void {
    if (entries === null) {
      this.#writer.run(
        "DELETE FROM open WHERE grp = ? AND log = ? AND range = ? AND base = ?",
        group,
        log,
        range,
        base,
      );
      return;
    }
    this.#writer.run(
      "INSERT INTO open (grp, log, range, base, entries, crc) VALUES (?, ?, ?, ?, ?, ?) " +
        "ON CONFLICT DO UPDATE SET entries = excluded.entries, crc = excluded.crc",
      group,
      log,
      range,
      base,
      entries,
      openCrc(group, log, range, base, entries),
    );
  }
}
