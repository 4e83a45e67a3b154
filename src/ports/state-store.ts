// The state port: rows of keyed state that belong to a group. Reading is done here; writing happens
// only inside a commit unit, which checks the versions read.
/** The version of a state row: 0 where the row does not exist; opaque otherwise. */
export type StateVersion = number;

/** One row of state: its encoded value, or undefined where there is none (version 0). */
export interface StateRow {
  readonly value: string | undefined;
  readonly version: StateVersion;
}

/** Committed state, read side. `scope` is the channel and group that own it. */
export interface StateStore {
  /** Reads one row as last committed by any process. */
  read(scope: StateScope, table: string, key: string): StateRow | Promise<StateRow>;
  /** Reads all rows of one table in key order, in pages, each page from one snapshot. */
  entries(
    scope: StateScope,
    table: string,
  ): AsyncIterable<{ readonly key: string; readonly value: string }>;
}

/** Which group's state is meant. */
export interface StateScope {
  readonly channel: string;
  readonly group: string;
}
