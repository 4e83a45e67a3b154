// Rows found by table and key. Always true: looking one up makes no text, because a key put
// together from two would have to be joined and hashed anew for every call of a handler.
import type { StateRow } from "./state-row.ts";

/** Some of the rows in memory: those used lately, or those used before them. */
export class RowGeneration {
  /** How many rows it has. */
  size = 0;
  readonly #tables = new Map<string, Map<string, StateRow>>();

  /** The row, if it is in here. */
  get(table: string, key: string): StateRow | undefined {
    return this.#tables.get(table)?.get(key);
  }

  /** Adds a row that is not in yet, or takes the place of the one that was. */
  add(row: StateRow): void {
    let rows = this.#tables.get(row.table);
    if (rows === undefined) {
      rows = new Map<string, StateRow>();
      this.#tables.set(row.table, rows);
    }
    const before = rows.size;
    rows.set(row.key, row);
    this.size += rows.size - before;
  }

  /** Takes a row out. */
  delete(row: StateRow): void {
    if (this.#tables.get(row.table)?.delete(row.key) === true) this.size--;
  }

  /** All rows. */
  *[Symbol.iterator](): Generator<StateRow> {
    for (const rows of this.#tables.values()) yield* rows.values();
  }
}
