// Keyed state of groups, with the version of the unit that wrote each row. Always true: a deleted
// row is kept as one without a value, so that a unit may build on a deletion still under way.
import type { StateChange, StateVersion } from "../../ports/commit-unit.ts";
import type { StateRow, StateScope, StateStore } from "../../ports/state-store.ts";

interface Row {
  readonly value: string | undefined;
  readonly version: StateVersion;
  /** Which member's unit wrote it, and that unit's number. */
  readonly writer: object;
  readonly sequence: number;
}

/** Committed state, and the check and the write that a commit unit makes. */
export class MemoryState implements StateStore {
  readonly #tables = new Map<string, Map<string, Row>>();

  read(scope: StateScope, table: string, key: string): StateRow {
    const row = this.#table(scope, table).get(key);
    if (row?.value === undefined) return { value: undefined, version: 0 };
    return { value: row.value, version: row.version };
  }

  async *entries(
    scope: StateScope,
    table: string,
  ): AsyncIterable<{ readonly key: string; readonly value: string }> {
    const rows = [...this.#table(scope, table)];
    rows.sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    for (const [key, { value }] of rows) if (value !== undefined) yield { key, value };
  }

  /** Whether the version that `writer` read of this row still holds. */
  isCurrent(scope: StateScope, change: StateChange, writer: object): boolean {
    const row = this.#table(scope, change.table).get(change.key);
    if (change.expected === undefined) return true;
    if (change.expected < 0) return row?.writer === writer && row.sequence === -change.expected;
    return (row?.value === undefined ? 0 : row.version) === change.expected;
  }

  /** Applies a change that isCurrent() allowed. */
  write(scope: StateScope, change: StateChange, by: Omit<Row, "value">): void {
    if (change.value === undefined) return;
    this.#table(scope, change.table).set(change.key, { ...by, value: change.value ?? undefined });
  }

  /** Forgets the state of a channel's groups. */
  remove(channel: string): void {
    for (const name of this.#tables.keys()) {
      if ((JSON.parse(name) as string[])[0] === channel) this.#tables.delete(name);
    }
  }

  #table(scope: StateScope, table: string): Map<string, Row> {
    const name = JSON.stringify([scope.channel, scope.group, table]);
    const rows = this.#tables.get(name) ?? new Map<string, Row>();
    this.#tables.set(name, rows);
    return rows;
  }
}
