// The database of a journal that is being restored, under a name of its own until it is complete.
// Knows nothing of what is copied into it. Always true: nobody takes it for a journal before
// publish(), which is one rename; what an interrupted restore left is removed by the next one.
import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { copyApplicationId, journalApplicationId } from "../journal/connection.ts";
import {
  assertCopyUnused,
  copyFailure,
  openCopyConnection,
  syncFromNow,
} from "../journal/copy-connection.ts";
import { databasePath, restoringPath } from "../journal/directory.ts";
import { prepareDirectory } from "../journal/directory-access.ts";
import { syncDirectory } from "../journal/sync-directory.ts";
import { TailFile, tailPath } from "../journal/tail-file.ts";
import { tailLogsSql, TailLogs } from "../journal/tail-logs.ts";
import { Statements } from "./statements.ts";

/** See the head of this file. */
export class RestoredDatabase {
  readonly directory: string;
  readonly rows: Statements;

  private constructor(directory: string, rows: Statements) {
    this.directory = directory;
    this.rows = rows;
  }

  /** Begins anew in a new or empty directory; throws BACKUP_CONFLICT, BACKUP_IO. */
  static begin(directory: string): RestoredDatabase {
    makeDirectory(directory);
    const path = restoringPath(directory);
    const failure = (error: unknown): SpillwayError => copyFailure(path, error);
    // Whoever restores into it right now holds its lock.
    assertCopyUnused(path);
    removeLeftovers(directory);
    const rows = new Statements(openCopyConnection(path, "unsafe"), failure);
    try {
      rows.exec(`PRAGMA application_id = ${copyApplicationId}`);
      return new RestoredDatabase(directory, rows);
    } catch (error) {
      rows.close();
      throw error;
    }
  }

  /** From here on it is a journal, on the disk, with a `tail` that says where it ends. */
  publish(incarnation: string, commit: number): void {
    syncFromNow(this.rows.connection);
    this.rows.exec(`PRAGMA application_id = ${journalApplicationId}`);
    this.rows.exec("PRAGMA journal_mode = WAL");
    const tail = this.#tail(incarnation, commit);
    this.rows.close();
    try {
      TailFile.open(this.directory, tail).close();
      renameSync(restoringPath(this.directory), databasePath(this.directory));
      syncDirectory(this.directory);
    } catch (error) {
      throw copyFailure(this.directory, error);
    }
  }

  /** Removes everything again. */
  discard(): void {
    this.rows.rollBack();
    this.rows.close();
    removeLeftovers(this.directory);
  }

  #tail(incarnation: string, commit: number): Uint8Array {
    const logs = new TailLogs(incarnation);
    for (const [log, lane, end, channel] of this.rows.all(tailLogsSql)) {
      logs.set(Number(log), Number(lane), Number(end), commit, () => String(channel));
    }
    return logs.slot.seal(commit);
  }
}

function makeDirectory(directory: string): void {
  let names: readonly string[];
  try {
    mkdirSync(directory, { recursive: true });
    names = readdirSync(directory);
  } catch (error) {
    throw copyFailure(directory, error);
  }
  prepareDirectory(directory);
  const own = ownNames(directory);
  const isBegun = names.includes(basename(restoringPath(directory)));
  const others = isBegun ? names.filter((name) => !own.includes(name)) : names;
  if (others.length === 0) return;
  throw new SpillwayError(
    "BACKUP_CONFLICT",
    `the directory ${directory} is not empty (${others.slice(0, 3).join(", ")}): restore into a ` +
      "new or empty one; nothing was changed",
    { details: { directory } },
  );
}

function removeLeftovers(directory: string): void {
  // The database last: as long as it is there, the rest is known to be of a restore.
  for (const name of ownNames(directory).toReversed()) {
    rmSync(`${directory}/${name}`, { force: true });
  }
}

function ownNames(directory: string): string[] {
  const database = basename(restoringPath(directory));
  const names = ["", "-journal", "-wal", "-shm"].map((suffix) => `${database}${suffix}`);
  return [...names, basename(tailPath(directory))];
}
