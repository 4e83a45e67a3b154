// Cursors, open lists and leases of the new journal. Where a cursor is unreadable its last copy
// stands in for it, else the log's start; where an open list is, all of its batch is open. Always
// true: whatever is unsure is delivered again rather than left out, and named.
import { priorities } from "../../../../message/envelope.ts";
import type { Connection } from "../../journal/connection.ts";
import { BatchView, decodeOpen, encodeOpen, type OpenListEntry } from "../../journal/format.ts";
import { cursorCopyCrc, cursorCrc, leaseCrc, openCrc } from "../../journal/row-checksums.ts";
import type { RepairNotes } from "../repair-report.ts";
import type { SalvagedCatalog } from "./catalog.ts";
import type { LogRebuild } from "./log-rebuild.ts";
import {
  type CursorValue,
  cursorValue,
  leaseValue,
  type OpenValue,
  openValue,
} from "./row-values.ts";
import type { SalvagedRow, Tables } from "./tables.ts";

const insertSql = (table: string, columns: string): string =>
  `INSERT INTO ${table} (${columns}) VALUES (${columns.replaceAll(/\w+/g, "?")})`;
const placeKey = (group: number, log: number, range: number): string => `${group}:${log}:${range}`;

/** See the head of this file. */
export class CursorRebuild {
  readonly #tables: Tables;
  readonly #catalog: SalvagedCatalog;
  readonly #notes: RepairNotes;
  readonly #cursors = new Map<string, CursorValue>();
  #open: OpenValue[] = [];
  /** Cursors that went back: what lies above them is delivered anew, not as open. */
  readonly #wentBack = new Set<string>();
  /** Open lists that are unreadable, by what their index says of them. */
  #unreadable: Omit<OpenValue, "entries">[] = [];

  constructor(tables: Tables, catalog: SalvagedCatalog, notes: RepairNotes) {
    this.#tables = tables;
    this.#catalog = catalog;
    this.#notes = notes;
    this.#readCursors();
    this.#readOpen();
    this.#backWithoutCursor();
    this.#backWithoutRanges();
  }

  /** Tells how far each log had come by what was settled of it. */
  reach(logs: LogRebuild): void {
    for (const { log, position } of this.#cursors.values()) {
      // A group may wait behind the end: where the end is known, a cursor proves nothing.
      if (this.#catalog.madeLogs.has(log)) logs.reached(log, position);
    }
    for (const { log, base, entries } of this.#open) {
      for (const { offset } of decodeOpen(base, entries)) logs.reached(log, offset + 1);
    }
  }

  /** Writes the rows, after batches and logs; inside a transaction. Returns how many. */
  write(connection: Connection): number {
    const cursor = connection.prepare(insertSql("cursor", "grp, log, range, position, crc"));
    const copy = connection.prepare(insertSql("cursor_copy", "grp, log, range, position, crc"));
    for (const { group, log, range, position } of this.#cursors.values()) {
      cursor.run(group, log, range, position, cursorCrc(group, log, range, position));
      copy.run(group, log, range, position, cursorCopyCrc(group, log, range, position));
    }
    const rows = this.#cursors.size + this.#writeOpen(connection);
    return rows + this.#writeLeases(connection);
  }

  #readCursors(): void {
    const complete = this.#collect("cursor", (row) => {
      const value = cursorValue(row, false);
      if (value !== undefined) this.#keep(value);
      return value !== undefined;
    });
    const copies = new Map<string, CursorValue>();
    this.#collect("cursor_copy", (row) => {
      const value = cursorValue(row, true);
      if (value === undefined) return false;
      copies.set(placeKey(value.group, value.log, value.range), value);
      return true;
    });
    // An empty page in the place of another looks sound; a copy tells that there was a cursor.
    if (complete && [...copies.keys()].every((key) => this.#cursors.has(key))) return;
    const lost = this.#tables.problemsOf("cursor").lostPages.length;
    if (lost > 0) this.#notes.add("cursor", `${lost} pages of cursors are unreadable`);
    for (const { group, log } of copies.values()) {
      this.#catalog.group(group, this.#catalog.log(log).channel);
    }
    for (const [group, log, range] of this.#places()) {
      const key = placeKey(group, log, range);
      if (this.#cursors.has(key)) continue;
      const copy = copies.get(key);
      this.#wentBack.add(key);
      if (copy !== undefined) this.#cursors.set(key, copy);
      if (this.#catalog.log(log).end === 0 && !this.#catalog.madeLogs.has(log)) continue;
      const where = copy === undefined ? "the log's start" : `its last copy, ${copy.position}`;
      this.#notes.add("cursor", `${this.#nameOf(group, log, range)}: unreadable, back to ${where}`);
    }
  }

  #keep(value: CursorValue): void {
    const log = this.#catalog.log(value.log);
    this.#catalog.group(value.group, log.channel);
    this.#cursors.set(placeKey(value.group, value.log, value.range), value);
  }

  /** Every cursor that there may be. */
  *#places(): Generator<readonly [group: number, log: number, range: number]> {
    for (const group of this.#catalog.groups.values()) {
      const partitions = this.#catalog.channels.get(group.channel)?.partitions ?? 0;
      for (const log of this.#catalog.logs.values()) {
        if (log.channel !== group.channel) continue;
        for (let range = 0; range < partitions; range++) yield [group.id, log.id, range];
      }
    }
  }

  #readOpen(): void {
    const known = new Set<string>();
    const complete = this.#collect("open", (row) => {
      const value = openValue(row);
      if (value === undefined) return false;
      this.#catalog.group(value.group, this.#catalog.log(value.log).channel);
      // One page may stand in the places of two.
      if (!known.has(openKey(value))) this.#open.push(value);
      known.add(openKey(value));
      return true;
    });
    // Also where nothing seems to be wrong: see above.
    const listed = this.#collect("open_of_batch", ({ grp: group, log, range, base }) => {
      const place = { group, log, range, base };
      if (!Object.values(place).every((value) => typeof value === "number")) return false;
      const found = place as Record<keyof typeof place, number>;
      if (known.has(openKey(found))) return true;
      // No checksum covers this: it may be of nothing that there ever was.
      if (!this.#isPlace(found)) return false;
      known.add(openKey(found));
      this.#unreadable.push(found);
      return true;
    });
    if (!complete && !listed) this.#backToStart();
  }

  #isPlace({ group, log, range }: Omit<OpenValue, "entries" | "base">): boolean {
    const { channel } = this.#catalog.groups.get(group) ?? {};
    if (channel === undefined || this.#catalog.logs.get(log)?.channel !== channel) return false;
    return range >= 0 && range < (this.#catalog.channels.get(channel)?.partitions ?? 0);
  }

  /** What is open was passed by a cursor. An empty page in the place of theirs looks sound. */
  #backWithoutCursor(): void {
    for (const { group, log, range } of [...this.#open, ...this.#unreadable]) {
      const key = placeKey(group, log, range);
      if (this.#cursors.has(key) || this.#wentBack.has(key)) continue;
      this.#wentBack.add(key);
      const what = "there are open messages and no cursor, back to the log's start";
      this.#notes.add("cursor", `${this.#nameOf(group, log, range)}: ${what}`);
    }
    const isNone = this.#cursors.size === 0 && this.#wentBack.size === 0;
    const isUsed = [...this.#catalog.logs.values()].some(({ end }) => end > 0);
    if (!isNone || !isUsed || this.#catalog.groups.size === 0) return;
    this.#notes.add("cursor", "there are groups and no cursors: any that there were are gone");
  }

  /** Of a channel whose number of ranges is lost nobody knows which keys a cursor is of. */
  #backWithoutRanges(): void {
    const isLost = ({ group }: Pick<CursorValue, "group">): boolean => {
      return this.#catalog.isDividedAnew(this.#catalog.groups.get(group)?.channel ?? 0);
    };
    for (const [key, cursor] of this.#cursors) if (isLost(cursor)) this.#cursors.delete(key);
    const kept = [this.#open, this.#unreadable].map((list) => list.filter((row) => !isLost(row)));
    [this.#open, this.#unreadable] = kept as [OpenValue[], Omit<OpenValue, "entries">[]];
    for (const { id, name, channel } of this.#catalog.groups.values()) {
      if (!isLost({ group: id })) continue;
      const of = `channel '${this.#catalog.channels.get(channel)?.name}'`;
      const what = `into how many partitions ${of} was divided is lost, back to its start`;
      this.#notes.add("cursor", `group '${name}': ${what}`);
    }
  }

  /** Nobody knows which messages below the cursors were open. */
  #backToStart(): void {
    for (const [group, log, range] of this.#places()) {
      const key = placeKey(group, log, range);
      if (!this.#cursors.delete(key)) continue;
      this.#wentBack.add(key);
      const what = "open messages are unreadable, back to the log's start";
      this.#notes.add("cursor", `${this.#nameOf(group, log, range)}: ${what}`);
    }
  }

  /** Calls `take` for each row; returns whether the table is complete and all rows were taken. */
  #collect(table: string, take: (row: SalvagedRow) => boolean): boolean {
    let refused = 0;
    for (const row of this.#tables.rows(table)) if (!take(row)) refused++;
    return refused === 0 && this.#tables.isComplete(table);
  }

  #writeOpen(connection: Connection): number {
    const exists = connection.prepare("SELECT data FROM batch WHERE log = ? AND base = ?");
    const insert = connection.prepare(insertSql("open", "grp, log, range, base, entries, crc"));
    let rows = 0;
    const write = (place: Omit<OpenValue, "entries">, entries: readonly OpenListEntry[]): void => {
      const { group, log, range, base } = place;
      const kept = entries.filter(({ offset }) => offset < this.#openBelow(place));
      if (kept.length === 0) return;
      const list = encodeOpen(base, kept);
      insert.run(group, log, range, base, list, openCrc(group, log, range, base, list));
      rows++;
    };
    for (const place of this.#open) {
      // What became a gap is nothing that could be delivered.
      if (exists.get(place.log, place.base) === undefined) continue;
      write(place, decodeOpen(place.base, place.entries));
    }
    for (const place of this.#unreadable) {
      const data = exists.get(place.log, place.base)?.["data"];
      const name = this.#nameOf(place.group, place.log, place.range);
      this.#notes.add("open-list", `${name}: the open list of the batch at ${place.base}`);
      if (data instanceof Uint8Array) write(place, this.#allOf(place, data));
    }
    return rows;
  }

  /** Offsets above are delivered by the cursor, unless it never went back. */
  #openBelow({ group, log, range }: Omit<OpenValue, "entries" | "base">): number {
    const key = placeKey(group, log, range);
    if (!this.#wentBack.has(key)) return Number.POSITIVE_INFINITY;
    return this.#cursors.get(key)?.position ?? 0;
  }

  /** Every message of a batch and range that the cursor has passed, as open. */
  #allOf(place: Omit<OpenValue, "entries">, data: Uint8Array): OpenListEntry[] {
    const { group, log, range, base } = place;
    const { channel, lane } = this.#catalog.log(log);
    const partitions = this.#catalog.channels.get(channel)?.partitions ?? 1;
    const position = this.#cursors.get(placeKey(group, log, range))?.position ?? 0;
    const priority = priorities[lane] ?? "normal";
    const view = new BatchView(data, { channel: "", priority, base, appendedAtMs: 0 });
    return Array.from({ length: view.count }, (_, record) => record)
      .filter((record) => (view.slotAt(record) * partitions) >>> 16 === range)
      .map((record) => view.offsetAt(record))
      .filter((offset) => offset < position)
      .map((offset) => ({ offset, attempt: 0, dueAtMs: 0, reason: "in-flight" }));
  }

  /** Every group has a lease for each range; nobody holds one, and no epoch comes again. */
  #writeLeases(connection: Connection): number {
    const epochs = new Map<string, number>();
    let highest = 0;
    for (const row of this.#tables.rows("lease")) {
      const value = leaseValue(row);
      if (value === undefined) continue;
      epochs.set(`${value.group}:${value.range}`, value.epoch);
      highest = Math.max(highest, value.epoch);
    }
    const insert = connection.prepare(insertSql("lease", "grp, range, epoch, member, crc"));
    let rows = 0;
    for (const { id, channel } of this.#catalog.groups.values()) {
      const partitions = this.#catalog.channels.get(channel)?.partitions ?? 0;
      for (let range = 0; range < partitions; range++, rows++) {
        const epoch = epochs.get(`${id}:${range}`) ?? highest + 1;
        insert.run(id, range, epoch, 0, leaseCrc(id, range, epoch, 0));
      }
    }
    return rows;
  }

  #nameOf(group: number, log: number, range: number): string {
    const name = this.#catalog.groups.get(group)?.name ?? String(group);
    return `group '${name}' on ${this.#catalog.nameOf(log)}, range ${range}`;
  }
}

function openKey(place: Omit<OpenValue, "entries">): string {
  return `${placeKey(place.group, place.log, place.range)}:${place.base}`;
}
