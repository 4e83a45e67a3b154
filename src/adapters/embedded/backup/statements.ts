// A connection with its prepared statements, for code that copies tables it need not know. Always
// true: what SQLite throws is turned into an error that says which side failed, and a statement is
// finished when a call returns.
import type { Connection } from "../journal/connection.ts";

/** What a column may hold. */
export type Value = null | number | bigint | string | Uint8Array;
/** One row, column by column. */
export type Row = Value[];

type Statement = ReturnType<Connection["prepare"]>;

/** See the head of this file. */
export class Statements {
  readonly connection: Connection;
  readonly #failure: (error: unknown) => unknown;
  readonly #prepared = new Map<string, Statement>();

  /** `failure` makes the error that callers see of what SQLite throws. */
  constructor(connection: Connection, failure: (error: unknown) => unknown) {
    this.connection = connection;
    this.#failure = failure;
  }

  /** All rows; the statement bounds their number. */
  all(sql: string, ...values: Value[]): Row[] {
    return this.#guard(() => this.#prepare(sql).all(...values) as unknown as Row[]);
  }

  /** The first row, or undefined. */
  one(sql: string, ...values: Value[]): Row | undefined {
    return this.#guard(() => this.#prepare(sql).get(...values) as unknown as Row | undefined);
  }

  /** The first column of the first row as a number; 0 where it is NULL or there is no row. */
  number(sql: string, ...values: Value[]): number {
    return Number(this.one(sql, ...values)?.[0] ?? 0);
  }

  /** Calls `take` for each row, one after the other. */
  each(sql: string, values: readonly Value[], take: (row: Row) => void): void {
    const rows = this.#guard(() => this.#prepare(sql).iterate(...values));
    for (;;) {
      const next = this.#guard(() => rows.next());
      if (next.done === true) return;
      take(next.value as unknown as Row);
    }
  }

  /** Runs a statement; returns how many rows it changed. */
  run(sql: string, ...values: Value[]): number {
    return this.#guard(() => Number(this.#prepare(sql).run(...values).changes));
  }

  /** Runs statements without parameters. */
  exec(sql: string): void {
    this.#guard(() => this.connection.exec(sql));
  }

  /** Runs `action` between `begin` and COMMIT; rolls back what it throws. */
  transaction<Result>(begin: string, action: () => Result): Result {
    this.exec(begin);
    try {
      const result = action();
      this.exec("COMMIT");
      return result;
    } catch (error) {
      this.rollBack();
      throw error;
    }
  }

  /** Ends a transaction that is under way; what made it necessary is the error that counts. */
  rollBack(): void {
    try {
      if (this.connection.isTransaction) this.connection.exec("ROLLBACK");
    } catch {
      // Whoever opens the file next takes it back.
    }
  }

  /** Closes the connection. */
  close(): void {
    this.#prepared.clear();
    this.connection.close();
  }

  #prepare(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.connection.prepare(sql);
      statement.setReturnArrays(true);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  #guard<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      throw this.#failure(error);
    }
  }
}
