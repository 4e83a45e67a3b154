// The one place that opens a connection to the journal's database. Every pragma is set and read
// back: most belong to the connection, not to the file, and a connection without them loses
// data. Always true: a database that this library did not write, or a newer one did, is refused
// and not changed.
import { existsSync } from "node:fs";
import { endianness } from "node:os";
import { pathToFileURL } from "node:url";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Clock } from "../../../kernel/clock.ts";
import { pauseThread } from "../../../kernel/pause.ts";
import { databasePath, restoringPath } from "./directory.ts";
import { prepareDirectory } from "./directory-access.ts";
import { DatabaseSync } from "./sqlite.ts";
import { busyFailure, isBusy, needsRollback, openFailure } from "./sqlite-errors.ts";

/** An open connection; only this folder may import SQLite itself. */
export type Connection = DatabaseSync;

/**
 * What a connection is for; each process has one writer. An inspector looks at a journal that may
 * be damaged: the last connection that can write moves what SQLite recovered into the database and
 * deletes the write-ahead log, with all that could still be salvaged behind a broken frame of it.
 */
export type ConnectionRole = "writer" | "reader" | "checkpoint" | "inspector";

/** What openConnection() needs to know. */
export interface ConnectionOptions {
  readonly clock: Clock;
  readonly durability: "fsync" | "relaxed";
  readonly busyTimeoutMs: number;
}

/** The format of the directory that this library reads and writes. */
export const journalFormat = 2;
/** "spwl" in ASCII: tells a journal from any other SQLite database. */
export const journalApplicationId = 0x7370776c;
/** "spwb": a copy of a journal's tables, a backup; nobody may work on it. */
export const copyApplicationId = 0x73707762;

/** The page size of every database made here. */
export const pageBytes = 16_384;
const incrementalVacuum = 2;
/** Above this size the write-ahead log's file is cut back when it starts anew. */
const walFileBytesKept = 33_554_432;
const cacheKibibytes = {
  writer: 16_384,
  reader: 8_192,
  checkpoint: 1_024,
  inspector: 8_192,
} as const;
const busyPauseMs = 1;

type Pragma = readonly [name: string, value: number | string];

/**
 * Opens a connection; a writer creates directory and database where they are missing.
 * Throws JOURNAL_DIRECTORY, JOURNAL_FORMAT, JOURNAL_BUSY, or JOURNAL_IO for a pragma that fails.
 */
export function openConnection(
  directory: string,
  role: ConnectionRole,
  options: ConnectionOptions,
): Connection {
  if (endianness() !== "LE") {
    throw new SpillwayError("UNSUPPORTED", "the embedded journal needs a little-endian machine");
  }
  if (role === "writer") prepareDirectory(directory);
  assertNotBeingRestored(directory);
  const path = databasePath(directory);
  if (existsSync(path)) {
    retryWhileBusy(`opening ${path}`, options, () => assertOwnFormat(path, role));
  } else if (role !== "writer") {
    throw new SpillwayError(
      "JOURNAL_FORMAT",
      `there is no journal in ${directory}: nothing to read`,
    );
  }
  let database: DatabaseSync | undefined;
  try {
    const opened = new DatabaseSync(path, {
      enableForeignKeyConstraints: false,
      timeout: 0,
      readOnly: role === "inspector",
    });
    database = opened;
    retryWhileBusy(`opening ${path}`, options, () => setPragmas(opened, role, options.durability));
    return opened;
  } catch (error) {
    database?.close();
    throw openFailure(path, error);
  }
}

/**
 * The database as its file alone is, without its write-ahead log; for reading what it says about
 * itself. Others may be writing the file: a row counts only with its checksum.
 */
export function openDatabaseAlone(directory: string): Connection {
  const url = pathToFileURL(databasePath(directory));
  url.searchParams.set("immutable", "1");
  return new DatabaseSync(url, { readOnly: true, timeout: 0 });
}

/** Runs `action` again while another connection holds a lock; JOURNAL_BUSY after the deadline. */
export function retryWhileBusy<Result>(
  what: string,
  options: ConnectionOptions,
  action: () => Result,
): Result {
  const attemptsMax = Math.ceil(options.busyTimeoutMs / busyPauseMs) + 1;
  const deadlineMs = options.clock.monotonicMs() + options.busyTimeoutMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return action();
    } catch (error) {
      if (!isBusy(error)) throw error;
      // Attempts are counted as well: a simulated clock does not move while this thread waits.
      if (attempt >= attemptsMax || options.clock.monotonicMs() >= deadlineMs) {
        throw busyFailure(what, error);
      }
      pauseThread(busyPauseMs);
    }
  }
}

/** A journal made beside one that is being restored would be in its way. */
function assertNotBeingRestored(directory: string): void {
  if (!existsSync(restoringPath(directory)) || existsSync(databasePath(directory))) return;
  throw new SpillwayError(
    "JOURNAL_FORMAT",
    `a journal is being restored into ${directory}, or was and did not finish: run 'spillway ` +
      "restore' into it again; nothing was changed",
    { details: { directory } },
  );
}

/**
 * Looks at an existing file without changing it; a file that is being created passes. Where its
 * making was cut short by a crash or a power cut, what is left of it is undone first, as SQLite
 * prescribes; a journal is in WAL mode before it holds anything.
 */
function assertOwnFormat(path: string, role: ConnectionRole): void {
  try {
    // What is not in WAL mode yet cannot be looked at as a journal.
    if (assertFormat(path, true) === "empty" && role === "inspector") throw unfinished(path);
  } catch (error) {
    if (isBusy(error)) throw error;
    if (!needsRollback(error)) throw openFailure(path, error);
    if (role === "inspector") throw unfinished(path, error);
    undoAndAssertFormat(path);
  }
}

function unfinished(path: string, cause?: unknown): SpillwayError {
  return new SpillwayError(
    "JOURNAL_FORMAT",
    `${path} was never finished, nothing was stored in it: the next service to open it ` +
      "makes it anew",
    { cause, details: { path, unfinished: true } },
  );
}

function undoAndAssertFormat(path: string): void {
  try {
    assertFormat(path, false);
  } catch (error) {
    if (isBusy(error)) throw error;
    throw openFailure(path, error);
  }
}

function assertFormat(path: string, readOnly: boolean): "empty" | "journal" {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly, timeout: 0 });
    // All of it at one moment: another process may be making the journal.
    database.exec("BEGIN");
    const application = readPragma(database, "application_id");
    const format = Number(readPragma(database, "user_version"));
    const tables = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()?.[
      "tables"
    ];
    if (application === 0 && format === 0 && tables === 0) return "empty";
    if (application === copyApplicationId) {
      throw new SpillwayError(
        "JOURNAL_FORMAT",
        `${path} is a backup: restore it into another directory with 'spillway restore'`,
        { details: { path } },
      );
    }
    if (application !== journalApplicationId) {
      throw new SpillwayError(
        "JOURNAL_FORMAT",
        `${path} is a SQLite database of another program: choose another directory`,
        { details: { path, application } },
      );
    }
    if (format > journalFormat) {
      throw new SpillwayError(
        "JOURNAL_FORMAT",
        `${path} has format ${format}, this version of the library reads up to ${journalFormat}: ` +
          "use the version that wrote it; nothing was changed",
        { details: { path, format, formatMax: journalFormat } },
      );
    }
    return "journal";
  } finally {
    database?.close();
  }
}

function setPragmas(
  database: Connection,
  role: ConnectionRole,
  durability: "fsync" | "relaxed",
): void {
  const perConnection: readonly Pragma[] = [
    // 2: FULL, every commit is synced. 1: NORMAL, a power cut may take back the last commits.
    ["synchronous", durability === "fsync" ? 2 : 1],
    ["busy_timeout", 0],
    ["foreign_keys", 0],
    ["wal_autocheckpoint", role === "writer" ? 1_000 : 0],
    ["cache_size", -cacheKibibytes[role]],
    ["mmap_size", 0],
    ["temp_store", 2],
    ["trusted_schema", 0],
    ["journal_size_limit", walFileBytesKept],
  ];
  for (const [name, value] of perConnection) setPragma(database, name, value);
  if (role === "writer") {
    // These two hold only for a new file; before journal_mode, which writes its first page.
    database.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA auto_vacuum = ${incrementalVacuum}`);
    setPragma(database, "journal_mode", "wal");
  }
  setPragma(database, "query_only", role === "reader" || role === "inspector" ? 1 : 0);
  expectPragma(database, "journal_mode", "wal");
  expectPragma(database, "page_size", pageBytes);
  expectPragma(database, "auto_vacuum", incrementalVacuum);
}

function setPragma(database: Connection, name: string, value: number | string): void {
  database.exec(`PRAGMA ${name} = ${value}`);
  expectPragma(database, name, value);
}

function expectPragma(database: Connection, name: string, expected: number | string): void {
  const actual = readPragma(database, name);
  if (actual === expected) return;
  throw new SpillwayError(
    "JOURNAL_IO",
    `SQLite's ${name} is ${String(actual)} and not ${expected}: the journal needs it`,
    { details: { pragma: name, expected, actual }, certainty: "definite" },
  );
}

function readPragma(database: Connection, name: string): unknown {
  const row = database.prepare(`PRAGMA ${name}`).get();
  return row === undefined ? undefined : Object.values(row)[0];
}
