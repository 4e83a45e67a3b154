// The tables of a damaged database: where each one's b-tree starts, which pages it has, and the
// rows on them. Pages are found twice, from the root down and by the pointer map, so that one
// broken page hides none of the others. Always true: a row has the shape of its table's, and is
// else what a page says, unchecked; a table with pages or cells that could not be read, or are
// another's, says so.
import type { Connection } from "../../journal/connection.ts";
import { type BtreePage, readBtreePage } from "./btree-page.ts";
import { PageOwners } from "./page-owners.ts";
import { type PageStore, type PageView, readPayload } from "./page-store.ts";
import { type Column, readRecord } from "./sqlite-record.ts";

/** A row by column; a column whose value is unknown is missing. */
export type SalvagedRow = Readonly<Record<string, Column>>;

/** What could not be read of a table. */
export interface TableProblems {
  /** Pages that are none of a b-tree any more. */
  readonly lostPages: readonly number[];
  /** Pages whose account of their bytes is wrong: rows may be missing from them. */
  readonly doubtfulPages: readonly number[];
  /** Rows that stand on a page and are no rows. */
  readonly unreadableRows: number;
}

/** A table, or an index, of the journal's schema. */
export interface KnownTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** What its pages are: rows without a number of their own stand on pages of an index. */
  readonly kind: BtreePage["kind"];
  /** Where a new journal has it; a hint for a database whose own schema is unreadable. */
  readonly newRoot: number;
}

/** Stands for the pages of a table that has none. */
const noPage = 0;
/** Largest row of a small table: a value of state, a delayed message. */
const rowBytesMax = 268_435_456;
const columnsMax = 32;
/** The tables of a journal and their indexes, in the order of their creation. */
const knownSql =
  "SELECT m.name, m.type, m.rootpage, l.wr FROM sqlite_schema AS m " +
  "LEFT JOIN pragma_table_list(m.name) AS l ON l.schema = 'main' " +
  "WHERE m.rootpage > 0 ORDER BY m.rootpage";

/** What a journal of today's format has, as read from a new one. */
export function knownTables(connection: Connection): KnownTable[] {
  const rows = connection.prepare(knownSql).all();
  return rows.map((row) => {
    const name = String(row["name"]);
    const isTable = row["type"] === "table";
    const pragma = isTable ? "table_info" : "index_xinfo";
    const columns = connection.prepare(`PRAGMA ${pragma}("${name}")`).all();
    return {
      name,
      columns: columns.map((column) => String(column["name"] ?? "rowid")),
      kind: isTable && row["wr"] !== 1 ? "table" : "index",
      newRoot: Number(row["rootpage"]),
    };
  });
}

/** Whether a row may be this table's; one from before a column was added is shorter. */
function hasColumns({ kind, columns }: KnownTable, count: number): boolean {
  return kind === "table" ? count <= columns.length : count === columns.length;
}

/** See the head of this file. */
export class Tables {
  readonly owners: PageOwners;
  readonly #view: PageView;
  readonly #store: PageStore;
  readonly #known: ReadonlyMap<string, KnownTable>;
  readonly #roots: ReadonlyMap<string, number>;
  readonly #trees: Map<number, number[]>;
  readonly #problems = new Map<string, TableProblems>();

  constructor(store: PageStore, view: PageView, known: readonly KnownTable[]) {
    this.#store = store;
    this.#view = view;
    this.#known = new Map(known.map((table) => [table.name, table]));
    this.owners = new PageOwners(view);
    this.#trees = this.owners.treePages();
    this.#roots = this.#findRoots(known);
  }

  /** What could not be read of a table; after its rows were. */
  problemsOf(table: string): TableProblems {
    const none = { lostPages: [], doubtfulPages: [], unreadableRows: 0 };
    return this.#problems.get(table) ?? none;
  }

  /** Whether everything of a table was read; after its rows were. */
  isComplete(table: string): boolean {
    const { lostPages, doubtfulPages, unreadableRows } = this.problemsOf(table);
    return lostPages.length === 0 && doubtfulPages.length === 0 && unreadableRows === 0;
  }

  /** The table or index that a page belongs to. */
  nameOf(page: number): string | undefined {
    const root = this.owners.rootOf(page);
    for (const [name, at] of this.#roots) if (at === root) return name;
    return undefined;
  }

  /** The rows of a table, or the entries of an index. */
  *rows(table: string): Generator<SalvagedRow> {
    const lostPages: number[] = [];
    const doubtfulPages: number[] = [];
    let unreadableRows = 0;
    const pages = this.#pages(table);
    for (const number of pages) {
      const page = this.#read(number);
      // A leaf is empty only where it is all of the table: this is another table's, out of place.
      const isEmpty = pages.size > 1 && page?.leaf === true && page.cells.length === 0;
      const isOther = page?.kind !== this.#known.get(table)?.kind;
      if (page === undefined || isEmpty || isOther) lostPages.push(number);
      else if (!page.exact) doubtfulPages.push(number);
      for (const row of this.#rowsOn(table, page)) {
        if (row === undefined) unreadableRows++;
        else yield row;
      }
    }
    this.#problems.set(table, { lostPages, doubtfulPages, unreadableRows });
  }

  /** Rows of every version of every page of a small table, newest first, damaged ones too. */
  *rowsOfAllVersions(table: string): Generator<SalvagedRow> {
    for (const number of this.#pages(table)) {
      if (number === noPage) continue;
      for (const bytes of this.#store.versions(number)) {
        for (const row of this.#rowsOn(table, readBtreePage(bytes))) {
          if (row !== undefined) yield row;
        }
      }
    }
  }

  *#rowsOn(table: string, page: BtreePage | undefined): Generator<SalvagedRow | undefined> {
    const known = this.#known.get(table);
    if (page === undefined || known === undefined || page.kind !== known.kind) return;
    if (page.kind === "table" && !page.leaf) return;
    for (const cell of page.cells) {
      const payload = readPayload(this.#view, cell, rowBytesMax);
      const record = payload === undefined ? undefined : readRecord(payload, columnsMax);
      if (record === undefined || !hasColumns(known, record.length)) {
        yield undefined;
        continue;
      }
      // The number of a row stands beside it, and NULL in its place.
      if (page.kind === "table" && record[0] === null) record[0] = cell.rowid;
      yield Object.fromEntries(record.map((value, index) => [known.columns[index], value]));
    }
  }

  #read(number: number): BtreePage | undefined {
    const bytes = number === noPage ? undefined : this.#view.page(number);
    return bytes === undefined ? undefined : readBtreePage(bytes, number === 1);
  }

  /** The pages of a table, each once: those that the root leads to, and those of the map. */
  #pages(table: string): Set<number> {
    const root = this.#roots.get(table);
    const pages = new Set<number>();
    // Behind the end of a file that was cut: whatever stood there is lost.
    if (root === undefined) return pages.add(noPage);
    const waiting = [root];
    for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
      if (pages.has(number)) continue;
      // A broken pointer may lead into another table.
      if ((this.owners.rootOf(number) ?? root) !== root) continue;
      pages.add(number);
      waiting.push(...(this.#read(number)?.children ?? []));
    }
    for (const number of this.#trees.get(root) ?? []) pages.add(number);
    return pages;
  }

  /** Roots by the schema on page 1; where that is unreadable, by the order of creation. */
  #findRoots(known: readonly KnownTable[]): Map<string, number> {
    const roots = new Map<string, number>();
    for (const number of this.#schemaPages()) {
      for (const cell of this.#read(number)?.cells ?? []) {
        const payload = readPayload(this.#view, cell, rowBytesMax);
        const [, name, , root] = (payload && readRecord(payload, columnsMax)) ?? [];
        if (typeof name !== "string" || typeof root !== "number") continue;
        if (this.#known.has(name) && this.#isRoot(root)) roots.set(name, root);
      }
    }
    if (known.every(({ name }) => roots.has(name))) return roots;
    const taken = new Set(roots.values());
    for (const { name, newRoot } of known) {
      if (!roots.has(name) && !taken.has(newRoot) && this.#isRoot(newRoot)) {
        roots.set(name, newRoot);
      }
    }
    return roots;
  }

  #schemaPages(): number[] {
    const first = this.#read(1);
    return [1, ...(first?.children ?? [])];
  }

  #isRoot(page: number): boolean {
    const entry = this.owners.entry(page);
    return entry === undefined ? page > 2 && page <= this.#view.pages : entry.use === "root";
  }
}
