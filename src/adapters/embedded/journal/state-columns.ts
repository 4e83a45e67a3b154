// State changes of a unit on their way to the writer: a text of all keys, a text of all values, and
// numbers. An object a row would be taken apart, copied and put together again for each row, which
// costs more than writing it. Knows nothing of SQLite. Always true: a cursor gives back what was
// encoded, in the same order.
import type { StateChange } from "../../../ports/commit-unit.ts";

/** Changes column by column. */
export interface StateColumns {
  readonly count: number;
  /** The names of the tables that occur. */
  readonly tables: readonly string[];
  /** Which of them, a row. */
  readonly tableIndexes: Uint16Array;
  readonly keys: string;
  readonly keyEnds: Uint32Array;
  readonly values: string;
  readonly valueEnds: Uint32Array;
  /** One of changeKind, a row. */
  readonly kinds: Uint8Array;
  /** The version that the unit saw, NaN where it did not look; undefined: it never looked. */
  readonly expected: Float64Array | undefined;
}

const changeKind = { set: 0, delete: 1, check: 2 } as const;

/** The columns of these changes; undefined where there is none. */
export function stateColumnsOf(changes: readonly StateChange[]): StateColumns | undefined {
  const count = changes.length;
  if (count === 0) return undefined;
  const tables: string[] = [];
  const tableIndexes = new Uint16Array(count);
  const keyEnds = new Uint32Array(count);
  const valueEnds = new Uint32Array(count);
  const kinds = new Uint8Array(count);
  const looked = changes.some(({ expected }) => expected !== undefined);
  const versions = looked ? new Float64Array(count) : undefined;
  let keys = "";
  let values = "";
  for (let row = 0; row < count; row++) {
    const { table, key, expected, value } = changes[row] as StateChange;
    tableIndexes[row] = indexOf(tables, table);
    keys += key;
    keyEnds[row] = keys.length;
    if (typeof value === "string") values += value;
    else kinds[row] = value === null ? changeKind.delete : changeKind.check;
    valueEnds[row] = values.length;
    if (versions !== undefined) versions[row] = expected ?? Number.NaN;
  }
  return {
    count,
    tables,
    tableIndexes,
    keys,
    keyEnds,
    values,
    valueEnds,
    kinds,
    expected: versions,
  };
}

/** A subscription has few tables: a search costs less than a map. */
function indexOf(tables: string[], table: string): number {
  const known = tables.indexOf(table);
  return known === -1 ? tables.push(table) - 1 : known;
}

/** Goes through the changes; its members are those of the row that next() came to. */
export class StateCursor {
  table = "";
  key = "";
  /** Undefined: the unit did not look at the row. */
  expected: number | undefined;
  /** Null deletes; undefined only checks the version. */
  value: string | null | undefined;
  readonly #columns: StateColumns;
  #row = 0;
  #keyAt = 0;
  #valueAt = 0;

  constructor(columns: StateColumns) {
    this.#columns = columns;
  }

  /** Goes to the next row; false at the end. */
  next(): boolean {
    const { count, tables, tableIndexes, keys, keyEnds, values, valueEnds, kinds, expected } =
      this.#columns;
    const row = this.#row++;
    if (row >= count) return false;
    this.table = tables[tableIndexes[row] as number] as string;
    this.key = keys.slice(this.#keyAt, (this.#keyAt = keyEnds[row] as number));
    const version = expected?.[row];
    this.expected = version === undefined || Number.isNaN(version) ? undefined : version;
    const valueAt = this.#valueAt;
    this.#valueAt = valueEnds[row] as number;
    const kind = kinds[row];
    if (kind === changeKind.set) this.value = values.slice(valueAt, this.#valueAt);
    else this.value = kind === changeKind.delete ? null : undefined;
    return true;
  }
}
