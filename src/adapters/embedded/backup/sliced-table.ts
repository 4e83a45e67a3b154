// Copies a table that may be large and changes while it is copied: pass after pass in slices of its
// key, each a short read of its own, and in the final snapshot only what changed since the last
// pass. Knows a column by which changed rows are found. Always true: after finish() the copy holds
// exactly the rows of the snapshot; a removed row is noticed by the number of rows in its slice.
import type { SourceJournal } from "./source-journal.ts";
import type { Row, Statements, Value } from "./statements.ts";
import { quoted, type Table, TableText } from "./tables.ts";

/** Rows in one slice. */
export const sliceRows = 4_096;
/** Most slices remembered from a pass; slices of a larger table have more rows. */
export const slicesMax = 65_536;

/** A table, and how its changes are found. */
export interface SlicedTableOptions {
  readonly table: Table;
  /** Rows that were written since `since` have this column at `since` or above. */
  readonly changeColumn: string;
  readonly source: Pick<SourceJournal, "rows" | "snapshot">;
  readonly copy: { readonly rows: Statements };
  /** For tests: smaller slices, fewer of them. */
  readonly limits?: { readonly sliceRows: number; readonly slicesMax: number };
}

type Key = readonly Value[];

/** Rows with from < key <= to; undefined: no such bound. */
interface Slice {
  readonly from: Key | undefined;
  readonly to: Key | undefined;
  /** Rows in the copy. */
  rows: number;
}

/** See the head of this file. */
export class SlicedTable {
  /** Rows written into the copy so far. */
  rowsWritten = 0;
  readonly #options: SlicedTableOptions;
  readonly #text: TableText;
  readonly #name: string;
  #slices: Slice[] = [];

  constructor(options: SlicedTableOptions) {
    this.#options = options;
    this.#text = new TableText(options.source.rows);
    this.#name = quoted(options.table.name);
  }

  /**
   * Brings the copy up to the source, slice by slice, each as it is at its moment. With `since`
   * 0 everything is copied. Returns how many rows changed.
   */
  async pass(since: number, sliceDone: () => Promise<void>): Promise<number> {
    const before = this.rowsWritten;
    const slices: Slice[] = [];
    const step = this.#rowsPerSlice();
    for (let from: Key | undefined; ; ) {
      const slice = this.#options.source.snapshot(() => {
        const next: Slice = { from, to: this.#boundary(from, step), rows: 0 };
        this.#sync(next, since);
        return next;
      });
      slices.push(slice);
      await sliceDone();
      if (slice.to === undefined) break;
      from = slice.to;
    }
    this.#slices = slices;
    return this.rowsWritten - before;
  }

  /** The last pass, inside the final snapshot of the source. */
  finish(since: number): void {
    for (const slice of this.#slices) this.#sync(slice, since);
  }

  #rowsPerSlice(): number {
    const limits = this.#options.limits ?? { sliceRows, slicesMax };
    const total = this.#options.source.rows.number(`SELECT count(*) FROM ${this.#name}`);
    // Twice: rows that come while the pass is under way make slices too.
    return Math.max(limits.sliceRows, Math.ceil((2 * total) / limits.slicesMax));
  }

  /** The key of the row that ends a slice; undefined where fewer rows are left. */
  #boundary(from: Key | undefined, step: number): Key | undefined {
    const { table, source } = this.#options;
    const names = this.#text.names(table.key);
    const row = source.rows.one(
      `SELECT ${this.#text.selected(table.key)} FROM ${this.#name} ` +
        `${this.#where({ from, to: undefined })} ORDER BY ${names} LIMIT 1 OFFSET ${step - 1}`,
      ...(from ?? []),
    );
    return row;
  }

  #sync(slice: Slice, since: number): void {
    const { copy, source, changeColumn } = this.#options;
    if (since === 0) return this.#replace(slice);
    const column = quoted(changeColumn);
    const where = this.#where(slice);
    const keys = keysOf(slice);
    const [rows = 0, newest = 0] =
      source.rows.one(`SELECT count(*), max(${column}) FROM ${this.#name} ${where}`, ...keys) ?? [];
    if (Number(newest) >= since) {
      const changed = `${where === "" ? "WHERE" : `${where} AND`} ${column} >= ?`;
      this.#write(changed, [...keys, since]);
    } else if (slice.rows === Number(rows) && slice.rows > 0) return;
    slice.rows = copy.rows.number(`SELECT count(*) FROM ${this.#name} ${where}`, ...keys);
    if (slice.rows !== Number(rows)) this.#replace(slice);
  }

  /** Rows were removed, or nothing was copied yet: writes the whole slice. */
  #replace(slice: Slice): void {
    const where = this.#where(slice);
    const keys = keysOf(slice);
    this.#options.copy.rows.run(`DELETE FROM ${this.#name} ${where}`, ...keys);
    slice.rows = this.#write(where, keys);
  }

  #write(where: string, values: readonly Value[]): number {
    const { copy, source, table } = this.#options;
    const select = `SELECT ${this.#text.selected(table.columns)} FROM ${this.#name} ${where}`;
    const replace =
      `REPLACE INTO ${this.#name} (${this.#text.names(table.columns)}) ` +
      `VALUES (${this.#text.values(table.columns)})`;
    let rows = 0;
    source.rows.each(select, values, (row: Row) => {
      copy.rows.run(replace, ...row);
      rows++;
    });
    this.rowsWritten += rows;
    return rows;
  }

  #where({ from, to }: Pick<Slice, "from" | "to">): string {
    const { key } = this.#options.table;
    const names = this.#text.names(key);
    const values = this.#text.values(key);
    const bounds = [
      ...(from === undefined ? [] : [`(${names}) > (${values})`]),
      ...(to === undefined ? [] : [`(${names}) <= (${values})`]),
    ];
    return bounds.length === 0 ? "" : `WHERE ${bounds.join(" AND ")}`;
  }
}

function keysOf({ from, to }: Slice): Value[] {
  return [...(from ?? []), ...(to ?? [])];
}
