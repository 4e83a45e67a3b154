// The state rows that a subscription has in memory: committed ones as a bounded cache, and on top
// of them what finished handlers wrote and no commit has confirmed yet. Knows nothing of handlers.
// Always true: one row has one object while anybody uses it; a row in use is never let go.
import { RowTurns } from "./row-turns.ts";
import type { StateScope, StateStore, StateVersion } from "../ports/state-store.ts";

/** A commit unit, as far as rows need to know it. */
export interface RowWriter {
  /** Its number, given when it is committed. */
  readonly sequence: number;
}

/** One row: the newest value, whoever wrote it. */
export class StateRow {
  readonly table: string;
  readonly key: string;
  /** Encoded; undefined where there is no such row. */
  value: string | undefined;
  /** The committed version that `value` had before `writer`. */
  version: StateVersion;
  /** The unit that wrote `value` and is not confirmed; undefined: the value is committed. */
  writer: RowWriter | undefined;
  /** Raised by every write in memory, so that readers notice. */
  stamp = 0;
  /** Handlers and units that use this object. */
  pins: number;

  constructor(table: string, key: string, value: string | undefined, version: StateVersion) {
    this.table = table;
    this.key = key;
    this.value = value;
    this.version = version;
    this.pins = 0;
  }

  /** What a unit that touches this row now must expect to find. */
  get expected(): StateVersion {
    return this.writer === undefined ? this.version : -this.writer.sequence;
  }
}

/** One text for a row; no table name contains the separator. */
export function rowName(table: string, key: string): string {
  return `${table}\u001f${key}`;
}

interface Loading {
  readonly row: Promise<StateRow>;
  waiting: number;
}

/** Finds rows: in memory first, then in the store. */
export class StateRows {
  /** Who takes contended rows one after the other. */
  readonly turns = new RowTurns();
  readonly #store: StateStore;
  readonly #scope: StateScope;
  readonly #rowsMax: number;
  #rows = new Map<string, StateRow>();
  #loading = new Map<string, Loading>();

  constructor(store: StateStore, scope: StateScope, rowsMax: number) {
    this.#store = store;
    this.#scope = scope;
    this.#rowsMax = rowsMax;
  }

  /** Rows in memory. */
  get size(): number {
    return this.#rows.size;
  }

  /** The row, pinned once for the caller, who unpins it. A promise where the store needs one. */
  find(table: string, key: string): StateRow | Promise<StateRow> {
    const name = rowName(table, key);
    const known = this.#rows.get(name);
    if (known !== undefined) {
      // The map's order is the order of use: what stands first was not used for longest.
      this.#rows.delete(name);
      this.#rows.set(name, known);
      known.pins++;
      return known;
    }
    const loading = this.#loading.get(name);
    if (loading !== undefined) {
      loading.waiting++;
      return loading.row;
    }
    const read = this.#store.read(this.#scope, table, key);
    if (read instanceof Promise) return this.#load(name, table, key, read);
    return this.#keep(name, new StateRow(table, key, read.value, read.version), 1);
  }

  /** Forgets everything; rows still in use stay with their users, who are about to be discarded. */
  clear(): void {
    this.#rows = new Map();
    this.#loading = new Map();
  }

  #load(
    name: string,
    table: string,
    key: string,
    read: Promise<{ readonly value: string | undefined; readonly version: StateVersion }>,
  ): Promise<StateRow> {
    const mine = this.#loading;
    const row = read.then(
      ({ value, version }) => {
        const found = new StateRow(table, key, value, version);
        if (mine !== this.#loading) return found;
        mine.delete(name);
        return this.#keep(name, found, loading.waiting);
      },
      (error: unknown) => {
        mine.delete(name);
        throw error;
      },
    );
    const loading: Loading = { row, waiting: 1 };
    mine.set(name, loading);
    return row;
  }

  #keep(name: string, row: StateRow, pins: number): StateRow {
    row.pins = pins;
    this.#rows.set(name, row);
    if (this.#rows.size <= this.#rowsMax) return row;
    for (const [other, candidate] of this.#rows) {
      if (candidate.pins > 0) continue;
      this.#rows.delete(other);
      break;
    }
    return row;
  }
}
