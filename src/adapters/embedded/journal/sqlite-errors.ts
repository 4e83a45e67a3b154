// What SQLite's result codes mean to users of the journal. Always true: a busy lock is definite
// (the transaction never began or was rolled back), every other failure of a write is
// indefinite.
import { SpillwayError } from "../../../errors/spillway-error.ts";

/** The primary result codes that are told apart (sqlite.org/rescode.html). */
const codes = {
  /** A statement that does not fit the tables: the statements of this library are fixed. */
  error: 1,
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  protocol: 15,
  notADatabase: 26,
} as const;

/** SQLITE_IOERR_SHORT_READ: the file ends before the page does, which no disk is the cause of. */
const shortRead = 522;
/** SQLITE_READONLY_ROLLBACK: a hot rollback journal, and a connection that may not write. */
const readOnlyRollback = 776;

/**
 * What SQLite said. Not asked of the error's class: node:sqlite's errors are of another `Error`
 * where a test runner gives every file globals of its own.
 */
function extendedCodeOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode : undefined;
}

/** The primary result code of an error of node:sqlite; 0 for any other error. */
export function resultCodeOf(error: unknown): number {
  return (extendedCodeOf(error) ?? 0) & 0xff;
}

/** Whether the same statement may succeed as soon as another connection lets go of its lock. */
export function isBusy(error: unknown): boolean {
  const code = resultCodeOf(error);
  return code === codes.busy || code === codes.locked || code === codes.protocol;
}

/** Whether a transaction that a crash cut short must be undone before the file can be read. */
export function needsRollback(error: unknown): boolean {
  return extendedCodeOf(error) === readOnlyRollback;
}

/** Whether there was no space left on the disk; the transaction was rolled back. */
export function isFull(error: unknown): boolean {
  return resultCodeOf(error) === codes.full;
}

/** The same of an error that users see: surely nothing of what failed is stored. */
export function isFullFailure(error: unknown): boolean {
  return isFull(error) || (error instanceof SpillwayError && error.code === "JOURNAL_FULL");
}

/** Whether the lock or a full disk was in the way: the same may go well later. */
export function isHeldUp(error: unknown): boolean {
  const isLockHeld = error instanceof SpillwayError && error.code === "JOURNAL_BUSY";
  return isLockHeld || isFullFailure(error);
}

/** Whether opening may have failed because nothing more can be written; a try must tell. */
export function mayBeFull(error: unknown): boolean {
  if (isFullFailure(error)) return true;
  const code = resultCodeOf(error instanceof SpillwayError ? error.cause : error);
  return code === codes.full || code === codes.ioError || code === codes.cannotOpen;
}

/** Whether the file is no SQLite database at all. */
export function isNotADatabase(error: unknown): boolean {
  return resultCodeOf(error) === codes.notADatabase;
}

/** After these no connection may go on: the disk or the file is not sound, or not there. */
const fatal: ReadonlySet<number> = new Set([
  codes.readOnly,
  codes.ioError,
  codes.corrupt,
  codes.cannotOpen,
  codes.notADatabase,
]);

/** Whether no connection may go on after this error. */
export function isFatal(error: unknown): boolean {
  return fatal.has(resultCodeOf(error));
}

/** Whether SQLite met content that it cannot have written, or tables that this library did not. */
export function isDamage(error: unknown): boolean {
  const code = resultCodeOf(error);
  if (code === codes.corrupt || code === codes.notADatabase || code === codes.error) return true;
  return extendedCodeOf(error) === shortRead;
}

/** The error for what was under way when the journal's disk failed: nobody knows its end. */
export function diskFailure(action: string, error: unknown): SpillwayError {
  const reason = isDamage(error) ? `SQLite found damage: ${textOf(error)}` : textOf(error);
  return new SpillwayError(
    "JOURNAL_IO",
    `${action} failed (${reason}): the journal closes and opens itself again; repeat with the ` +
      "same message id",
    { cause: error },
  );
}

/** The error a user sees for a failed open of `path`. */
export function openFailure(path: string, error: unknown): SpillwayError {
  if (error instanceof SpillwayError) return error;
  if (isNotADatabase(error)) {
    return new SpillwayError("JOURNAL_FORMAT", `${path} is not a journal: nothing was changed`, {
      cause: error,
    });
  }
  const code = resultCodeOf(error);
  if (code === codes.cannotOpen || code === codes.readOnly || code === 0) {
    return new SpillwayError(
      "JOURNAL_DIRECTORY",
      `${path} cannot be opened for writing (${textOf(error)}): choose a local directory that ` +
        "this user may write",
      { cause: error, details: { path } },
    );
  }
  return writeFailure(`opening ${path}`, error);
}

/** The error a user sees when a transaction failed and was rolled back; `action` names it. */
export function writeFailure(action: string, error: unknown): SpillwayError {
  if (error instanceof SpillwayError) return error;
  if (isBusy(error)) return busyFailure(action, error);
  if (isDamage(error)) {
    return new SpillwayError("JOURNAL_DAMAGED", `${action}: SQLite found damage`, { cause: error });
  }
  if (isFull(error)) {
    // Its transaction was rolled back: surely nothing of it is stored.
    return new SpillwayError(
      "JOURNAL_FULL",
      `${action} failed (the disk is full): free some space, then repeat it`,
      { cause: error },
    );
  }
  const reason = textOf(error);
  return new SpillwayError(
    "JOURNAL_IO",
    `${action} failed (${reason}): check the disk; repeat with the same message id`,
    { cause: error },
  );
}

/** The error for a write lock that another process held for too long. */
export function busyFailure(action: string, cause?: unknown): SpillwayError {
  return new SpillwayError(
    "JOURNAL_BUSY",
    `${action}: another process holds the journal's write lock: look for a stopped process`,
    { cause },
  );
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
