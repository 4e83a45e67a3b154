// The reading connection as the main thread uses it: every error of SQLite is told to whoever
// closes the journal, and thrown as one of this library's. Knows no tables. Always true: after a
// failure of the disk, and after close(), nothing is read any more.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Connection } from "../journal/connection.ts";
import { busyFailure, isBusy, isDamage, isFatal } from "../journal/sqlite-errors.ts";

type Values = readonly (number | string)[];
/** A row as SQLite gives it. */
export type Row = NonNullable<ReturnType<ReturnType<Connection["prepare"]>["get"]>>;

/** A prepared statement that only reads. */
export interface ReadStatement {
  get(...values: Values): Row | undefined;
  all(...values: Values): Row[];
}

/** A connection that only reads. */
export interface ReadConnection {
  prepare(sql: string): ReadStatement;
  close(reason?: SpillwayError): void;
}

/** Wraps a connection; `onFailure` closes the journal and gives the error to be thrown. */
export class GuardedConnection implements ReadConnection {
  readonly #connection: Connection;
  readonly #onFailure: (cause: unknown) => SpillwayError;
  #ended: SpillwayError | undefined;

  constructor(connection: Connection, onFailure: (cause: unknown) => SpillwayError) {
    this.#connection = connection;
    this.#onFailure = onFailure;
  }

  prepare(sql: string): ReadStatement {
    const statement = this.#run(() => this.#connection.prepare(sql));
    return {
      get: (...values) => this.#run(() => statement.get(...values)),
      all: (...values) => this.#run(() => statement.all(...values)),
    };
  }

  #run<Result>(read: () => Result): Result {
    if (this.#ended !== undefined) throw this.#ended;
    try {
      return read();
    } catch (error) {
      if (isFatal(error) || isDamage(error)) throw this.#onFailure(error);
      if (isBusy(error)) throw busyFailure("reading the journal", error);
      throw error;
    }
  }

  /** Closes it; whoever reads from now on is told `reason`. */
  close(reason?: SpillwayError): void {
    this.#ended ??= reason ?? new SpillwayError("CLOSED", "the journal is closed");
    if (this.#connection.isOpen) this.#connection.close();
  }
}
