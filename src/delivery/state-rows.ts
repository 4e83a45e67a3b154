// The state rows that a subscription has in memory: committed ones as a bounded cache, and on top
// of them what finished handlers wrote and no commit has confirmed yet. Knows nothing of handlers.
// Always true: one row has one object while anybody uses it; a row in use is never let go.
import { RowGeneration } from "./row-generation.ts";
import { RowTurns } from "./row-turns.ts";
import { StateRow } from "./state-row.ts";
import type { StateRow as StoredRow, StateScope, StateStore } from "../ports/state-store.ts";

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
  /** Rows used since the generation began, and those of the generation before. */
  #young = new RowGeneration();
  #old = new RowGeneration();
  #loading = new Map<string, Loading>();

  constructor(store: StateStore, scope: StateScope, rowsMax: number) {
    this.#store = store;
    this.#scope = scope;
    this.#rowsMax = rowsMax;
  }

  /** Rows in memory. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /**
   * The row, pinned once for the caller, who unpins it. A promise where the store needs one; a
   * caller that only writes does not need the value, and the store is not asked.
   */
  find(table: string, key: string, needsValue: boolean): StateRow | Promise<StateRow> {
    const known = this.#known(table, key);
    if (known !== undefined && (known.isLoaded || !needsValue)) {
      known.pins++;
      return known;
    }
    if (!needsValue) return this.#keep(new StateRow(table, key, undefined), 1);
    const name = rowName(table, key);
    const loading = this.#loading.get(name);
    if (loading !== undefined) {
      loading.waiting++;
      return loading.row;
    }
    const read = this.#store.read(this.#scope, table, key);
    if (read instanceof Promise) return this.#load(name, table, key, read);
    return this.#found(table, key, read, 1);
  }

  /** Forgets everything; rows still in use stay with their users, who are about to be discarded. */
  clear(): void {
    this.#young = new RowGeneration();
    this.#old = new RowGeneration();
    this.#loading = new Map();
  }

  #load(name: string, table: string, key: string, read: Promise<StoredRow>): Promise<StateRow> {
    const mine = this.#loading;
    const row = read.then(
      (found) => {
        if (mine !== this.#loading) return new StateRow(table, key, found);
        mine.delete(name);
        return this.#found(table, key, found, loading.waiting);
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

  #found(table: string, key: string, found: StoredRow, pins: number): StateRow {
    const known = this.#known(table, key);
    if (known === undefined) return this.#keep(new StateRow(table, key, found), pins);
    known.load(found);
    known.pins += pins;
    return known;
  }

  #known(table: string, key: string): StateRow | undefined {
    const young = this.#young.get(table, key);
    if (young !== undefined || this.#old.size === 0) return young;
    const old = this.#old.get(table, key);
    if (old === undefined) return undefined;
    this.#old.delete(old);
    return this.#keep(old, old.pins);
  }

  /**
   * Adds a row to the young generation. When that has half of the bound, it becomes the old one,
   * and what was not used for so long goes, except what somebody uses now.
   */
  #keep(row: StateRow, pins: number): StateRow {
    row.pins = pins;
    this.#young.add(row);
    if (this.#young.size * 2 <= this.#rowsMax) return row;
    const gone = this.#old;
    this.#old = this.#young;
    this.#young = new RowGeneration();
    for (const candidate of gone) if (candidate.pins > 0) this.#old.add(candidate);
    return row;
  }
}
