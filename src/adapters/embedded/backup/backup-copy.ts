// The database of a backup: made, opened, and what it says of itself. Knows nothing of how tables
// are copied. Always true: it belongs to one history of one journal, and what is written becomes
// part of the backup with a commit of its own; its snapshot is replaced by a whole one or not at
// all.
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { copyApplicationId } from "../journal/connection.ts";
import { copyFailure, openCopyConnection } from "../journal/copy-connection.ts";
import { databasePath } from "../journal/directory.ts";
import { type BackupSnapshot, copyTableNames, copyTables, manifestCrc } from "./manifest.ts";
import type { SourceJournal } from "./source-journal.ts";
import { Statements } from "./statements.ts";
import { quoted, type Table, tablesOf } from "./tables.ts";

/** See the head of this file. */
export class BackupCopy {
  readonly directory: string;
  readonly rows: Statements;
  /** The last whole snapshot; undefined while there is none. */
  snapshot: BackupSnapshot | undefined;

  private constructor(directory: string, rows: Statements) {
    this.directory = directory;
    this.rows = rows;
  }

  /** Opens the backup of `source` in `directory`, or begins one in a new or empty directory. */
  static open(directory: string, source: SourceJournal, tables: readonly Table[]): BackupCopy {
    prepareDirectory(directory);
    const path = databasePath(directory);
    const failure = (error: unknown): SpillwayError => copyFailure(path, error);
    const copy = new BackupCopy(
      directory,
      new Statements(openCopyConnection(path, "write"), failure),
    );
    try {
      if (copy.rows.number("PRAGMA application_id") !== copyApplicationId) {
        copy.#create(source, tables);
      }
      copy.#assertSource(source, tables);
      copy.snapshot = readSnapshot(copy.rows);
      copy.#assertNotAhead(source);
      return copy;
    } catch (error) {
      copy.close();
      throw error;
    }
  }

  /** Runs `action` in a transaction of its own, or in the one that is under way. */
  write<Result>(action: () => Result): Result {
    if (this.rows.connection.isTransaction) return action();
    return this.rows.transaction("BEGIN IMMEDIATE", action);
  }

  /**
   * Makes the tables those of the source, which may have been migrated since the last backup.
   * Returns the names of those that are new or empty again.
   */
  adopt(source: SourceJournal, tables: readonly Table[]): ReadonlySet<string> {
    const own = new Map(tablesOf(this.rows).map((table) => [table.name, table]));
    const anew = new Set<string>();
    for (const table of tables) {
      const known = own.get(table.name);
      own.delete(table.name);
      if (known?.sql.join() === table.sql.join()) continue;
      anew.add(table.name);
      if (known !== undefined) this.rows.exec(`DROP TABLE ${quoted(table.name)}`);
      for (const sql of table.sql) this.rows.exec(sql);
    }
    for (const name of own.keys()) {
      if (!copyTableNames.has(name)) this.rows.exec(`DROP TABLE ${quoted(name)}`);
    }
    this.rows.exec(`PRAGMA user_version = ${source.format}`);
    return anew;
  }

  /** From the commit on, this is what the backup holds. */
  keepSnapshot(snapshot: BackupSnapshot): void {
    writeManifest(this.rows, "snapshot", JSON.stringify(snapshot));
    this.snapshot = snapshot;
  }

  /** Closes the database; a transaction that is under way is taken back. */
  close(): void {
    this.rows.rollBack();
    this.rows.close();
  }

  #create(source: SourceJournal, tables: readonly Table[]): void {
    this.rows.transaction("BEGIN IMMEDIATE", () => {
      for (const sql of tables.flatMap((table) => table.sql)) this.rows.exec(sql);
      this.rows.exec(copyTables);
      writeManifest(this.rows, "source", source.incarnation);
      this.rows.exec(`PRAGMA application_id = ${copyApplicationId}`);
      this.rows.exec(`PRAGMA user_version = ${source.format}`);
    });
  }

  #assertSource(source: SourceJournal, tables: readonly Table[]): void {
    const of = readManifest(this.rows, "source");
    if (of !== source.incarnation) {
      throw this.#conflict(
        `belongs to another journal, or to this one before it was restored (incarnation ${of}, ` +
          `not ${source.incarnation})`,
      );
    }
    const batch = (table: Table): boolean => table.name === "batch";
    const own = tablesOf(this.rows).find(batch)?.sql.join();
    if (own !== tables.find(batch)?.sql.join()) {
      throw this.#conflict("was made when the journal kept its batches in another format");
    }
  }

  #assertNotAhead(source: SourceJournal): void {
    const commit = source.commitNumber();
    if (this.snapshot === undefined || this.snapshot.commit <= commit) return;
    throw this.#conflict(
      `holds commit ${this.snapshot.commit} of this journal, which itself ends at ${commit} now: ` +
        "it has lost what is in this backup. Keep the backup, it can be restored",
    );
  }

  #conflict(what: string): SpillwayError {
    return new SpillwayError(
      "BACKUP_CONFLICT",
      `the backup in ${this.directory} ${what}. Give another directory; nothing was changed`,
      { details: { directory: this.directory } },
    );
  }
}

/** The snapshot that a backup holds; undefined where none was finished yet. */
export function readSnapshot(rows: Statements): BackupSnapshot | undefined {
  const text = readManifest(rows, "snapshot");
  return text === undefined ? undefined : (JSON.parse(text) as BackupSnapshot);
}

function readManifest(rows: Statements, name: string): string | undefined {
  const row = rows.one("SELECT value, crc FROM backup_manifest WHERE name = ?", name);
  if (row === undefined) return undefined;
  const value = String(row[0]);
  if (manifestCrc(name, value) === Number(row[1])) return value;
  throw new SpillwayError(
    "BACKUP_INCOMPLETE",
    `the backup's own record '${name}' does not match its checksum: take a new backup into ` +
      "another directory",
    { details: { name } },
  );
}

function writeManifest(rows: Statements, name: string, value: string): void {
  const sql = "REPLACE INTO backup_manifest (name, value, crc) VALUES (?, ?, ?)";
  rows.run(sql, name, value, manifestCrc(name, value));
}

/** Throws BACKUP_CONFLICT for a directory with anything else in it. */
function prepareDirectory(directory: string): void {
  const own = databasePath(directory);
  try {
    mkdirSync(directory, { recursive: true });
    const others = readdirSync(directory).filter((name) => !join(directory, name).startsWith(own));
    const hasOwn = readdirSync(directory).some((name) => join(directory, name) === own);
    if (hasOwn || others.length === 0) return;
  } catch (error) {
    throw copyFailure(directory, error);
  }
  throw new SpillwayError(
    "BACKUP_CONFLICT",
    `the directory ${directory} is not empty and holds no backup: give a new or empty one`,
    { details: { directory } },
  );
}
