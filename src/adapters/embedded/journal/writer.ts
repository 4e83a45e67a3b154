// The writing connection of this process: prepared statements, and transactions with a busy loop of
// their own. Knows nothing of what is written. Always true: a transaction is one synchronous run of
// BEGIN IMMEDIATE … COMMIT, raises the commit number by one, and leaves nothing when it throws.
import type { SQLInputValue, StatementSync } from "node:sqlite";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Clock } from "../../../kernel/clock.ts";
import { pauseThread } from "../../../kernel/pause.ts";
import type { Random } from "../../../kernel/random.ts";
import type { Connection } from "./connection.ts";
import { checkRowCrc } from "./format-crc.ts";
import { metaCrc } from "./row-checksums.ts";
import {
  busyFailure,
  diskFailure,
  isBusy,
  isDamage,
  isFatal,
  writeFailure,
} from "./sqlite-errors.ts";

/**
 * Calls `commit`, once, or throws what SQLite would throw where the disk fails before it or behind
 * it.
 */
export type CommitStep = (commit: () => void) => void;

/** What the writer needs from its surroundings. */
export interface WriterEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly busyTimeoutMs: number;
  /** Called now and then while the write lock is awaited. */
  readonly onWaiting: () => void;
  /** Runs each COMMIT, where a simulated disk stands in between; default: as it is. */
  readonly commit?: CommitStep | undefined;
  /** Why nothing may be written from the beginning. */
  readonly failure?: SpillwayError;
}

/** Somebody who keeps in memory what the database says. */
export interface WriterCache {
  /** A transaction began; `foreign`: others committed since the last one of this connection. */
  begun?(foreign: boolean): void;
  /** The last step before COMMIT: write what was gathered. */
  flush?(): void;
  /** The transaction is in the database, and on the disk unless durability is relaxed. */
  committed?(): void;
  /** The transaction left nothing behind: what was kept of it is void. */
  rolledBack(): void;
  /** The connection is about to be closed; statements still work unless `failure` is set. */
  closing?(failure: SpillwayError | undefined): void;
  /** The connection is closed. */
  closed?(): void;
}

const pauseMsMin = 0.05;
const pauseMsSpread = 0.1;
const pauseForOthersMs = 0.15;
const waitingSignalMs = 10;

/** See the head of this file. */
export class Writer {
  readonly connection: Connection;
  /** The number of the running transaction, or of the last one. */
  commitNumber: number;
  /** Why nothing more can be written: set once the disk or the file proved unsound. */
  failure: SpillwayError | undefined;
  /** Whether that failure was damage, and not only the disk's refusal. */
  isSuspect = false;
  /** Whether another process said that it waits for the write lock. */
  othersWait = false;
  readonly #environment: WriterEnvironment;
  readonly #statements = new Map<string, StatementSync>();
  readonly #caches: WriterCache[] = [];
  #dataVersion: unknown;
  #commits = 0;

  constructor(connection: Connection, environment: WriterEnvironment) {
    this.connection = connection;
    this.#environment = environment;
    this.failure = environment.failure;
    this.commitNumber = this.failure === undefined ? Number(this.meta("commit")) : 0;
  }

  /** How many transactions of this connection committed. */
  get commits(): number {
    return this.#commits;
  }

  /** Tells `cache` of begun and rolled back transactions, in the order of the calls. */
  attach(cache: WriterCache): void {
    this.#caches.push(cache);
  }

  /** The first row, or undefined. */
  one<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  /** All rows; the statement bounds their number. */
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** Runs a statement; returns how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /** Runs an insert; returns the new row's id. */
  insert(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).lastInsertRowid);
  }

  /**
   * A value of the meta table: "incarnation", "commit", or "members" (raised when those change).
   */
  meta(name: string): string {
    const sql = "SELECT value, crc FROM meta WHERE name = ?";
    const { value = "", crc = 0 } = this.one<{ value: string; crc: number }>(sql, name) ?? {};
    checkRowCrc("a meta row", crc, [name, value]);
    return value;
  }

  /** Whether another connection committed since the last call. */
  othersCommitted(): boolean {
    const version = this.one<{ data_version: number }>("PRAGMA data_version")?.data_version;
    const changed = version !== this.#dataVersion;
    this.#dataVersion = version;
    return changed;
  }

  /**
   * Runs `action` in one write transaction; `what` names it in errors. What `action` throws rolls
   * everything back. Throws JOURNAL_BUSY, JOURNAL_IO, JOURNAL_DAMAGED.
   */
  transaction<Result>(what: string, action: () => Result): Result {
    if (this.failure !== undefined) throw this.failure;
    const before = this.commitNumber;
    let began = false;
    try {
      this.#begin(what);
      began = true;
      this.commitNumber = Number(this.meta("commit")) + 1;
      for (const cache of this.#caches) cache.begun?.(this.commitNumber !== before + 1);
      const result = action();
      for (const cache of this.#caches) cache.flush?.();
      const value = String(this.commitNumber);
      const crc = metaCrc("commit", value);
      this.run("UPDATE meta SET value = ?, crc = ? WHERE name = 'commit'", value, crc);
      this.#commit();
      this.#commits++;
      for (const cache of this.#caches) cache.committed?.();
      this.#pauseForOthers();
      return result;
    } catch (error) {
      this.commitNumber = before;
      if (began) this.#rollBack();
      throw this.failed(what, error);
    }
  }

  /** What a user is told of an error; after some of them this connection writes nothing more. */
  failed(what: string, error: unknown): SpillwayError {
    if (!isFatal(error)) return writeFailure(what, error);
    return this.fail(what, error);
  }

  /** The disk or the file proved unsound, here or on another connection of this process. */
  fail(what: string, error: unknown): SpillwayError {
    // After an I/O error nobody knows what the file holds.
    this.failure ??= diskFailure(what, error);
    this.isSuspect ||= isDamage(error);
    return this.failure;
  }

  /** Closes the connection; nothing can be written any more. */
  close(): void {
    for (const cache of this.#caches) cache.closing?.(this.failure);
    this.failure ??= new SpillwayError("CLOSED", "the journal is closed");
    this.#statements.clear();
    if (this.connection.isOpen) this.connection.close();
    for (const cache of this.#caches) cache.closed?.();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #begin(what: string): void {
    const { clock, random, busyTimeoutMs, onWaiting } = this.#environment;
    // Attempts are counted as well: a simulated clock does not move while this thread waits.
    const attemptsMax = Math.ceil(busyTimeoutMs / pauseMsMin) + 1;
    let startedAtMs = -1;
    let signalAtMs = 0;
    for (let attempt = 1; ; attempt++) {
      try {
        this.connection.exec("BEGIN IMMEDIATE");
        return;
      } catch (error) {
        if (!isBusy(error)) throw error;
        const nowMs = clock.monotonicMs();
        if (startedAtMs < 0) startedAtMs = nowMs;
        if (attempt >= attemptsMax || nowMs - startedAtMs >= busyTimeoutMs) {
          throw busyFailure(what, error);
        }
        if (nowMs >= signalAtMs) {
          signalAtMs = nowMs + waitingSignalMs;
          onWaiting();
        }
        pauseThread(pauseMsMin + random.float() * pauseMsSpread);
      }
    }
  }

  #commit(): void {
    const commit = (): void => this.connection.exec("COMMIT");
    const { commit: step } = this.#environment;
    if (step === undefined) commit();
    else step(commit);
  }

  #pauseForOthers(): void {
    if (!this.othersWait) return;
    this.othersWait = false;
    pauseThread(pauseForOthersMs);
  }

  #rollBack(): void {
    try {
      if (this.connection.isTransaction) this.connection.exec("ROLLBACK");
    } catch (error) {
      this.fail("rolling back a transaction", error);
    }
    for (const cache of this.#caches) cache.rolledBack();
  }
}
