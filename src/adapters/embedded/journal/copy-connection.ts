// Opens the database of a copy of a journal: a backup, or a journal that is being restored. Unlike
// a journal's own it has a rollback journal and one user at a time: each page is written once, at
// rest it is one file, and it may lie on a mounted disk of another machine. Always true: a file of
// somebody else is refused and not changed; a copy is never taken for a journal.
import { existsSync, statSync } from "node:fs";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { type Connection, copyApplicationId, pageBytes } from "./connection.ts";
import { DatabaseSync } from "./sqlite.ts";
import { isBusy, isNotADatabase, resultCodeOf } from "./sqlite-errors.ts";

/** "write": made where it is missing. "unsafe": the same, unsynced until syncFromNow(). */
export type CopyMode = "write" | "unsafe" | "read";

const cacheKibibytes = 65_536;

/** Opens the copy at `path` and locks it; throws BACKUP_CONFLICT, JOURNAL_BUSY or BACKUP_IO. */
export function openCopyConnection(path: string, mode: CopyMode): Connection {
  let database: DatabaseSync | undefined;
  try {
    assertCopy(path, mode !== "read");
    const opened = openFile(path, mode);
    database = opened;
    opened.exec("PRAGMA busy_timeout = 0; PRAGMA trusted_schema = 0; PRAGMA temp_store = 2");
    opened.exec(`PRAGMA cache_size = -${cacheKibibytes}; PRAGMA mmap_size = 0`);
    if (mode === "read") {
      opened.exec("PRAGMA query_only = 1; BEGIN");
      // The lock that keeps a backup from going on meanwhile.
      opened.prepare("SELECT count(*) FROM sqlite_schema").get();
      return opened;
    }
    // Both hold only for a new file.
    opened.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA auto_vacuum = INCREMENTAL`);
    opened.exec("PRAGMA locking_mode = EXCLUSIVE");
    opened.exec(`PRAGMA synchronous = ${mode === "write" ? "FULL" : "OFF"}`);
    // Takes the lock, and keeps it.
    opened.exec("BEGIN EXCLUSIVE; COMMIT");
    return opened;
  } catch (error) {
    database?.close();
    throw copyFailure(path, error);
  }
}

/** Throws JOURNAL_BUSY while somebody works on the copy at `path`, whatever it holds. */
export function assertCopyUnused(path: string): void {
  if (!existsSync(path)) return;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec("BEGIN EXCLUSIVE; ROLLBACK");
  } catch (error) {
    // Anything else: an unfinished file, which nobody can work on either.
    if (isBusy(error)) throw copyFailure(path, error);
  } finally {
    database?.close();
  }
}

/** From here on every commit of an "unsafe" copy is synced, with all that was written before. */
export function syncFromNow(connection: Connection): void {
  connection.exec("PRAGMA synchronous = FULL");
}

/** The error a user sees when a copy cannot be opened, read or written. */
export function copyFailure(path: string, error: unknown): SpillwayError {
  if (error instanceof SpillwayError) return error;
  const details = { path };
  if (isBusy(error)) {
    return new SpillwayError(
      "JOURNAL_BUSY",
      `${path} is in use by another backup or restore: wait until it has ended`,
      { cause: error, details },
    );
  }
  if (isNotADatabase(error)) return notACopy(path, "no SQLite database");
  const text = error instanceof Error ? error.message : String(error);
  const reason = resultCodeOf(error) === 13 ? "the disk is full" : text;
  return new SpillwayError(
    "BACKUP_IO",
    `${path} cannot be read or written (${reason}): what is complete in it stays complete`,
    { cause: error, details },
  );
}

/** What an interrupted backup left half written is taken back by whoever opens it next. */
function openFile(path: string, mode: CopyMode): DatabaseSync {
  const writable = new DatabaseSync(path, { timeout: 0 });
  if (mode !== "read") return writable;
  try {
    writable.prepare("SELECT count(*) FROM sqlite_schema").get();
    return writable;
  } catch (error) {
    writable.close();
    if (isBusy(error)) throw error;
    // A backup may lie on a medium that cannot be written.
    return new DatabaseSync(path, { timeout: 0, readOnly: true });
  }
}

/** Looks without changing anything: another program's database may be in use right now. */
function assertCopy(path: string, newAllowed: boolean): void {
  const bytes = statSync(path, { throwIfNoEntry: false })?.size;
  if (newAllowed && (bytes ?? 0) === 0) return;
  if (bytes === undefined) {
    throw new SpillwayError("BACKUP_CONFLICT", `there is no backup at ${path}: check the path`, {
      details: { path },
    });
  }
  const database = new DatabaseSync(path, { readOnly: true, timeout: 0 });
  try {
    const id = database.prepare("PRAGMA application_id").get()?.["application_id"];
    if (id === copyApplicationId) return;
    // What is left of one whose making failed.
    if (newAllowed && id === 0 && !hasTables(database)) return;
  } catch (error) {
    // The rest of an interrupted transaction has to be taken back first, by a writer.
    if (existsSync(`${path}-journal`) && !isBusy(error) && !isNotADatabase(error)) return;
    throw error;
  } finally {
    database.close();
  }
  throw notACopy(path, "the database of a journal, or of another program");
}

function hasTables(database: DatabaseSync): boolean {
  const row = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get();
  return row?.["tables"] !== 0;
}

function notACopy(path: string, what: string): SpillwayError {
  return new SpillwayError(
    "BACKUP_CONFLICT",
    `${path} is ${what}, not a backup: give another directory; nothing was changed`,
    { details: { path } },
  );
}
