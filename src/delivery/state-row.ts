// One row of state in memory: its newest value, who wrote it, and who uses it. Knows nothing of
// where rows are kept. Always true: a value that a unit wrote is not committed before that unit is.
import type { StateRow as StoredRow, StateVersion } from "../ports/state-store.ts";

/** A commit unit, as far as rows need to know it. */
export interface RowWriter {
  /** Its number, given when it is committed. */
  readonly sequence: number;
}

/** What one unit does to one row. */
export interface RowChange {
  readonly unit: RowWriter;
  readonly row: StateRow;
  readonly expected: StateVersion | undefined;
  value: string | null | undefined;
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
  /** What the newest unit that lists this row does to it. */
  change: RowChange | undefined;
  /** Handlers and units that use this object. */
  pins = 0;
  /** Whether the value is known: it was read, or written here without being looked at. */
  isLoaded: boolean;

  /** A row as the store has it; without `found` one that nobody has looked at. */
  constructor(table: string, key: string, found: StoredRow | undefined) {
    this.table = table;
    this.key = key;
    this.value = found?.value;
    this.version = found?.version ?? 0;
    this.isLoaded = found !== undefined;
  }

  /** Takes over what the store has, unless the value became known meanwhile. */
  load(found: StoredRow): void {
    if (this.isLoaded) return;
    this.value = found.value;
    this.version = found.version;
    this.isLoaded = true;
  }

  /** What a unit that touches this row now must expect to find; undefined: anything. */
  get expected(): StateVersion | undefined {
    if (this.writer !== undefined) return -this.writer.sequence;
    return this.isLoaded ? this.version : undefined;
  }
}
