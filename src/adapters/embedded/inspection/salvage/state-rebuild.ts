// State of the new journal: every row whose checksum is right for some group and table. Always
// true: a value that was changed on the disk is left out and named, never kept.
import type { Connection } from "../../journal/connection.ts";
import type { RepairNotes } from "../repair-report.ts";
import { readBtreePage } from "./btree-page.ts";
import type { SalvagedCatalog } from "./catalog.ts";
import { type PageView, readPayload } from "./page-store.ts";
import { isStateOf } from "./row-values.ts";
import { readRecord } from "./sqlite-record.ts";
import type { SalvagedRow, Tables } from "./tables.ts";

interface StateTable {
  readonly id: number;
  readonly group: number;
  readonly name: string;
}

/** Most rows of one transaction. */
const rowsAtOnce = 10_000;
const keyBytesMax = 1_048_576;

/** See the head of this file. */
export class StateRebuild {
  readonly #connection: Connection;
  readonly #tables: Tables;
  readonly #view: PageView;
  readonly #catalog: SalvagedCatalog;
  readonly #notes: RepairNotes;
  readonly #stateTables: StateTable[] = [];
  readonly #byId = new Map<number, StateTable[]>();
  /** Highest version seen: it carries a commit number. */
  versionMax = 0;

  constructor(parts: {
    readonly connection: Connection;
    readonly tables: Tables;
    readonly view: PageView;
    readonly catalog: SalvagedCatalog;
    readonly notes: RepairNotes;
  }) {
    this.#connection = parts.connection;
    this.#tables = parts.tables;
    this.#view = parts.view;
    this.#catalog = parts.catalog;
    this.#notes = parts.notes;
    this.#readTables("state_table", "id");
    this.#readTables("sqlite_autoindex_state_table_1", "rowid");
  }

  /** Writes state and its tables, in transactions of its own. Returns how many rows. */
  write(): number {
    const used = new Set<StateTable>();
    const insert = this.#connection.prepare(
      "INSERT OR REPLACE INTO state (tbl, key, version, value, crc) VALUES (?, ?, ?, ?, ?)",
    );
    let rows = 0;
    this.#connection.exec("BEGIN");
    for (const row of this.#tables.rows("state")) {
      const table = this.#tableOf(row);
      const { key, version, value, crc } = row;
      if (table === undefined || typeof version !== "number") {
        this.#unreadable(row);
        continue;
      }
      used.add(table);
      this.versionMax = Math.max(this.versionMax, version);
      insert.run(table.id, String(key), version, String(value), Number(crc));
      if (++rows % rowsAtOnce === 0) this.#connection.exec("COMMIT; BEGIN");
    }
    this.#writeTables(used);
    this.#connection.exec("COMMIT");
    this.#nameLost();
    // An empty page in the place of the only one looks sound, and no index knows its rows.
    if (rows === 0 && this.#stateTables.length > 0) {
      this.#notes.add(
        "state",
        "there are tables of state and no rows: any that there were are gone",
      );
    }
    return rows + used.size;
  }

  #readTables(table: string, idColumn: string): void {
    for (const row of this.#tables.rows(table)) {
      const [id, group, name] = [row[idColumn], row["grp"], row["name"]];
      if (typeof id !== "number" || typeof group !== "number" || typeof name !== "string") continue;
      const found = { id, group, name };
      const known = this.#byId.get(id) ?? [];
      if (known.some((other) => other.group === group && other.name === name)) continue;
      this.#byId.set(id, [...known, found]);
      this.#stateTables.push(found);
    }
  }

  /** The table whose name and group make the row's checksum right: those have none of their own. */
  #tableOf(row: SalvagedRow): StateTable | undefined {
    const { groups } = this.#catalog;
    const isIts = ({ group, name }: StateTable): boolean =>
      groups.has(group) && isStateOf(row, group, name);
    const named = this.#byId.get(Number(row["tbl"]))?.find(isIts);
    if (named !== undefined) return named;
    // The number of the table is what no checksum covers.
    return this.#stateTables.find(isIts);
  }

  #writeTables(used: ReadonlySet<StateTable>): void {
    const insert = this.#connection.prepare(
      "INSERT OR IGNORE INTO state_table (id, grp, name) VALUES (?, ?, ?)",
    );
    const written = new Set<number>();
    for (const { id, group, name } of [...used, ...this.#stateTables]) {
      if (written.has(id) || !this.#catalog.groups.has(group)) continue;
      written.add(id);
      insert.run(id, group, name);
    }
  }

  #unreadable({ tbl, key }: SalvagedRow): void {
    const table = this.#byId.get(Number(tbl))?.[0];
    this.#notes.add("state", `${this.#nameOf(table)}: the row '${String(key)}' is unreadable`);
  }

  #nameLost(): void {
    const { lostPages, doubtfulPages, unreadableRows } = this.#tables.problemsOf("state");
    for (const page of lostPages) this.#notes.add("state", `rows ${this.#rangeOf(page)} are gone`);
    for (const page of doubtfulPages) {
      this.#notes.add("state", `of the rows ${this.#rangeOf(page)} some may be gone`);
    }
    if (unreadableRows === 0) return;
    this.#notes.add("state", `${unreadableRows} rows, whose keys are unreadable too, are gone`);
  }

  /** Between which keys the rows of a page stood, by the page above it. */
  #rangeOf(page: number): string {
    const parent = this.#tables.owners.entry(page)?.parent ?? 0;
    const bytes = parent === 0 ? undefined : this.#view.page(parent);
    const above = bytes === undefined ? undefined : readBtreePage(bytes);
    const place = above?.children.indexOf(page) ?? -1;
    if (above === undefined || place < 0) return `of page ${page}`;
    const key = (cell: number): string | undefined => {
      const found = above.cells[cell];
      const payload = found && readPayload(this.#view, found, keyBytesMax);
      const [tbl, name] = (payload && readRecord(payload, 5)) ?? [];
      if (typeof name !== "string") return undefined;
      return `'${name}' of ${this.#nameOf(this.#byId.get(Number(tbl))?.[0])}`;
    };
    const [after, before] = [key(place - 1), key(place)];
    return `of page ${page}, after ${after ?? "the start"} and before ${before ?? "the end"},`;
  }

  #nameOf(table: StateTable | undefined): string {
    if (table === undefined) return "an unknown table";
    const group = this.#catalog.groups.get(table.group)?.name ?? String(table.group);
    return `table '${table.name}' of group '${group}'`;
  }
}
