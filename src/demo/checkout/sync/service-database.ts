// The database of one service of the left side: a SQLite file of its own, shared by the service's
// processes. Always true: what transaction() returned from is synced to disk.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "../../../adapters/embedded/journal/sqlite.ts";
import type { ServiceName } from "../capacity.ts";

/** How long a process waits for its twin's transaction. */
const busyMs = 5_000;
/** Where the databases of the left side lie, below the demo's directory. */
export const syncFolder = "services";

/** A value of a row. */
export type Value = string | number | null;
/** A row. */
export type Row = Readonly<Record<string, Value>>;

/** An open database. */
export class ServiceDatabase {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();

  /** Opens the database of a service, and makes its tables. */
  constructor(directory: string, service: ServiceName, schema: string) {
    const folder = join(directory, syncFolder);
    mkdirSync(folder, { recursive: true });
    this.#database = new DatabaseSync(join(folder, `${service}.db`));
    this.#database.exec(`PRAGMA busy_timeout = ${busyMs}; PRAGMA journal_mode = WAL`);
    this.#database.exec("PRAGMA synchronous = FULL");
    this.#database.exec(schema);
  }

  /** Runs statements together or not at all. */
  transaction<Result>(work: () => Result): Result {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** The first row, if there is one. */
  get(sql: string, ...values: readonly Value[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  /** All rows. */
  all(sql: string, ...values: readonly Value[]): readonly Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** Changes rows; how many. */
  run(sql: string, ...values: readonly Value[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  close(): void {
    this.#database.close();
  }

  #prepare(sql: string): ReturnType<DatabaseSync["prepare"]> {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
