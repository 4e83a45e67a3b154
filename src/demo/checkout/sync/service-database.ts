// The database of one service of the left side: a SQLite file of its own, shared by the service's
// processes. Transactions of the same moment share one commit and one sync to disk, as in servers
// of databases and as on the right side. Always true: what transaction() resolved with is on disk,
// and a transaction that failed has changed nothing, also where the others of its group have.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "../../../adapters/embedded/journal/sqlite.ts";
import type { Clock } from "../../../kernel/clock.ts";
import type { ServiceName } from "../capacity.ts";

/** How long a process waits for its twin's transaction. */
const busyMs = 5_000;
/** Where the databases of the left side lie, below the demo's directory. */
export const syncFolder = "services";

/** A value of a row. */
export type Value = string | number | null;
/** A row. */
export type Row = Readonly<Record<string, Value>>;

/** A transaction that waits for its group's commit. */
interface Waiting {
  /** Does its work; gives what to call once that is on disk. */
  run(): () => void;
  fail(error: unknown): void;
}

/** An open database. */
export class ServiceDatabase {
  readonly #database: DatabaseSync;
  readonly #clock: Clock;
  readonly #statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  #group: Waiting[] = [];

  /** Opens the database of a service, and makes its tables. */
  constructor(directory: string, service: ServiceName, schema: string, clock: Clock) {
    const folder = join(directory, syncFolder);
    mkdirSync(folder, { recursive: true });
    this.#clock = clock;
    this.#database = new DatabaseSync(join(folder, `${service}.db`));
    this.#database.exec(`PRAGMA busy_timeout = ${busyMs}; PRAGMA journal_mode = WAL`);
    this.#database.exec("PRAGMA synchronous = FULL");
    this.#database.exec(schema);
  }

  /** Runs statements together or not at all; resolves when they are on disk. */
  transaction<Result>(work: () => Result): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const run = (): (() => void) => {
      const result = work();
      return () => resolve(result);
    };
    this.#group.push({ run, fail: reject });
    if (this.#group.length === 1) this.#clock.soon(() => this.#commit());
    return promise;
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

  #commit(): void {
    const group = this.#group;
    this.#group = [];
    const settle: (() => void)[] = [];
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      for (const waiting of group) settle.push(this.#runAlone(waiting));
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      for (const waiting of group) waiting.fail(error);
      return;
    }
    for (const tell of settle) tell();
  }

  /** Runs one of a group so that its failure undoes nothing but its own changes. */
  #runAlone(waiting: Waiting): () => void {
    this.#database.exec("SAVEPOINT one");
    try {
      const tell = waiting.run();
      this.#database.exec("RELEASE one");
      return tell;
    } catch (error) {
      this.#database.exec("ROLLBACK TO one; RELEASE one");
      return () => waiting.fail(error);
    }
  }

  #prepare(sql: string): ReturnType<DatabaseSync["prepare"]> {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
