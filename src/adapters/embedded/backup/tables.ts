// Which tables a journal has, and how each is copied, found out from the database itself: a backup
// of an older format has that format's tables. Knows nothing of what they mean but for three that
// may be large. Always true: text is copied byte for byte, also by a Node that ends text at NUL.
import type { Statements } from "./statements.ts";

/** A table of a journal. */
export interface Table {
  readonly name: string;
  /** The statements that create it and its indexes, in order. */
  readonly sql: readonly string[];
  readonly columns: readonly Column[];
  /** The columns of its primary key, in order. */
  readonly key: readonly Column[];
}

interface Column {
  readonly name: string;
  readonly isText: boolean;
}

/** Rows of processes that work now: of no use to anybody later. */
const ofTheMoment = new Set(["process", "member"]);
/** What is copied in slices, because it may be large. */
const large = new Set(["batch", "state", "timer"]);

/** Every table, in the order of creation. */
export function tablesOf(rows: Statements): Table[] {
  const schema = rows.all(
    "SELECT tbl_name, type, sql FROM sqlite_schema " +
      "WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type = 'index', rowid",
  );
  return schema
    .filter(([, type]) => type === "table")
    .map(([name]) => tableOf(rows, String(name), schema));
}

function tableOf(rows: Statements, name: string, schema: readonly unknown[][]): Table {
  const info = rows.all("SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid", name);
  const columns = info.map(([column, type]) => ({ name: String(column), isText: type === "TEXT" }));
  const keyed = info.map(([, , place], index) => ({ place: Number(place), index }));
  const key = keyed
    .filter(({ place }) => place > 0)
    .sort((left, right) => left.place - right.place)
    .map(({ index }) => columns[index] as Column);
  const sql = schema.filter(([table]) => table === name).map(([, , text]) => String(text));
  return { name, sql, columns, key };
}

/** Copies all rows of a table; what the copy had of it is replaced. */
export function copyWhole(table: Table, source: Statements, copy: Statements): void {
  const text = new TableText(source);
  const name = quoted(table.name);
  copy.run(`DELETE FROM ${name}`);
  const values = text.values(table.columns);
  const insert = `INSERT INTO ${name} (${text.names(table.columns)}) VALUES (${values})`;
  source.each(`SELECT ${text.selected(table.columns)} FROM ${name}`, [], (row) =>
    copy.run(insert, ...row),
  );
}

/** The numbers given so far by tables that never give one twice. */
export function copySequences(source: Statements, copy: Statements): void {
  copy.run("DELETE FROM sqlite_sequence");
  for (const row of source.all("SELECT name, seq FROM sqlite_sequence")) {
    copy.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", ...row);
  }
}

/** Tables that are copied as a whole, in the final snapshot. */
export function isSmall({ name }: Table): boolean {
  return !large.has(name) && !ofTheMoment.has(name);
}

/** How the columns of a table are read, compared and written. */
export class TableText {
  readonly #cuts: boolean;

  constructor(rows: Statements) {
    // Node 22 ends a text that it reads at its first NUL; bytes stay whole.
    this.#cuts = rows.one("SELECT char(97, 0, 98)")?.[0] === "a";
  }

  /** `columns` as a list for SELECT. */
  selected(columns: readonly Column[]): string {
    return columns.map(({ name, isText }) => this.#read(name, isText)).join(", ");
  }

  /** One parameter for each of `columns`, to compare with or to insert. */
  values(columns: readonly Column[]): string {
    return columns.map(({ isText }) => (this.#cuts && isText ? "CAST(? AS TEXT)" : "?")).join(", ");
  }

  /** `columns` as a row value. */
  names(columns: readonly Column[]): string {
    return columns.map(({ name }) => quoted(name)).join(", ");
  }

  #read(name: string, isText: boolean): string {
    return this.#cuts && isText ? `CAST(${quoted(name)} AS BLOB)` : quoted(name);
  }
}

/** A name inside a statement. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
