// Reading a journal that may be damaged, through SQLite: short read transactions, and statements
// that may fail. Always true: no transaction outlives the call that opened it; what fails because
// of damage is a value, what fails because of a lock is an exception.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Connection } from "../journal/connection.ts";
import { isBusy } from "../journal/sqlite-errors.ts";

type Statement = ReturnType<Connection["prepare"]>;
type Value = string | number;
/** A row as SQLite gives it. */
export type Row = Record<string, unknown>;

/** Rows, or why they cannot be read. */
export type Reading<Result> =
  | { readonly rows: Result[]; readonly failure?: undefined }
  | { readonly rows: Result[]; readonly failure: string };

/** Statements on a connection for inspection. */
export class Snapshot {
  readonly connection: Connection;
  readonly #isThrown: (error: unknown) => boolean;
  readonly #statements = new Map<string, Statement>();

  /** `isThrown`: which errors are exceptions; by default those of a lock. */
  constructor(connection: Connection, isThrown: (error: unknown) => boolean = isBusy) {
    this.connection = connection;
    this.#isThrown = isThrown;
  }

  /** Runs `action` on one state of the journal; inside a transaction, on what that one sees. */
  within<Result>(action: () => Result): Result {
    if (this.connection.isTransaction) return action();
    this.connection.exec("BEGIN");
    try {
      return action();
    } finally {
      // After some errors SQLite has ended the transaction already.
      if (this.connection.isTransaction) this.connection.exec("ROLLBACK");
    }
  }

  /** All rows; the statement bounds their number. A failed statement gives the rows before it. */
  read<Result = Row>(sql: string, ...values: readonly Value[]): Reading<Result> {
    const rows: Result[] = [];
    try {
      let statement = this.#statements.get(sql);
      if (statement === undefined) {
        statement = this.connection.prepare(sql);
        this.#statements.set(sql, statement);
      }
      for (const row of statement.iterate(...values)) rows.push(row as Result);
      return { rows };
    } catch (error) {
      if (this.#isThrown(error)) throw error;
      return { rows, failure: textOf(error) };
    }
  }

  /** The first row; undefined where there is none or it cannot be read. */
  first<Result = Row>(sql: string, ...values: readonly Value[]): Result | undefined {
    return this.read<Result>(sql, ...values).rows[0];
  }
}

/** What an error says, in one line. */
export function textOf(error: unknown): string {
  if (error instanceof SpillwayError) return error.message;
  return error instanceof Error ? error.message : String(error);
}
