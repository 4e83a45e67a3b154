// Builds a journal from a backup, inside a process of its own: every batch is checked while it is
// copied, and everything once more at the end. Always true: the journal appears in its directory
// complete or not at all, under an incarnation of its own, with nobody working on it.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { newId } from "../../../kernel/id.ts";
import { copyFailure, openCopyConnection } from "../journal/copy-connection.ts";
import { journalFormat } from "../journal/connection.ts";
import { databasePath } from "../journal/directory.ts";
import { batchCrc } from "../journal/format-crc.ts";
import { leaseCrc, metaCrc } from "../journal/row-checksums.ts";
import { abortedError } from "../task/child-task.ts";
import type { TaskContext } from "../task/task-process.ts";
import { readSnapshot } from "./backup-copy.ts";
import { checkBatches, checkRows } from "./check-copy.ts";
import { damageText } from "./describe-snapshot.ts";
import { type BackupSnapshot, copyTableNames } from "./manifest.ts";
import { RestoredDatabase } from "./restored-database.ts";
import { SlicedTable } from "./sliced-table.ts";
import { type Row, Statements } from "./statements.ts";
import { copySequences, copyWhole, isSmall, type Table, tablesOf } from "./tables.ts";
import type { BackupProgress } from "./take-backup.ts";

/** What buildJournal() is asked. */
export interface RestoreRequest {
  readonly from: string;
  readonly to: string;
}

/** A journal that was restored. */
export interface RestoreReport {
  readonly to: string;
  /** The new journal's identity. */
  readonly incarnation: string;
  /** The backup's snapshot: what the journal holds. */
  readonly snapshot: BackupSnapshot;
  readonly elapsedMs: number;
}

/** Batches copied between two looks at the signal. */
const batchesAtOnce = 16;
const columns = "log, base, count, appended_at, previous_crc, crc, given, place, data";

/** Restores; throws BACKUP_CONFLICT, BACKUP_INCOMPLETE, BACKUP_IO, ABORTED. */
export async function buildJournal(
  request: RestoreRequest,
  context: TaskContext,
): Promise<RestoreReport> {
  const startedAtMs = context.clock.monotonicMs();
  const path = databasePath(request.from);
  const backup = new Statements(openCopyConnection(path, "read"), (error) =>
    copyFailure(path, error),
  );
  try {
    const snapshot = wholeSnapshot(backup, request.from);
    const target = RestoredDatabase.begin(request.to);
    try {
      const build = new Build({ backup, target, context, snapshot });
      const incarnation = await build.run();
      const elapsedMs = context.clock.monotonicMs() - startedAtMs;
      return { to: request.to, incarnation, snapshot, elapsedMs };
    } catch (error) {
      if (target.rows.connection.isOpen) target.discard();
      throw error;
    }
  } finally {
    backup.close();
  }
}

/** The backup's snapshot, unless it lacks something. */
function wholeSnapshot(backup: Statements, from: string): BackupSnapshot {
  const snapshot = readSnapshot(backup);
  if (snapshot === undefined) {
    throw new SpillwayError(
      "BACKUP_INCOMPLETE",
      `the backup in ${from} was interrupted before it was complete for the first time: run the ` +
        "backup again with the same directories, it goes on where it stopped",
    );
  }
  if (snapshot.format > journalFormat) {
    throw new SpillwayError(
      "JOURNAL_FORMAT",
      `the backup in ${from} has format ${snapshot.format}, this version of the library reads up ` +
        `to ${journalFormat}: restore it with the version that made it`,
    );
  }
  const [first] = snapshot.damage;
  if (first === undefined) return snapshot;
  const more = snapshot.damage.length > 1 ? `, and ${snapshot.damage.length - 1} more` : "";
  throw new SpillwayError(
    "BACKUP_INCOMPLETE",
    `the backup in ${from} lacks what was damaged in the journal: ${damageText(first)}${more}. ` +
      "Repair the journal and take a backup of the repaired one, or use an older backup",
    { details: { damage: snapshot.damage } },
  );
}

interface BuildParts {
  readonly backup: Statements;
  readonly target: RestoredDatabase;
  readonly context: TaskContext;
  readonly snapshot: BackupSnapshot;
}

class Build {
  readonly #parts: BuildParts;
  #progress: BackupProgress = { phase: "batches", bytesDone: 0, bytesTotal: 0, rows: 0 };

  constructor(parts: BuildParts) {
    this.#parts = parts;
    this.#progress = { ...this.#progress, bytesTotal: parts.snapshot.bytes };
  }

  async run(): Promise<string> {
    const { backup, target, context, snapshot } = this.#parts;
    const tables = tablesOf(backup).filter(({ name }) => !copyTableNames.has(name));
    const { rows } = target;
    rows.exec("BEGIN IMMEDIATE");
    for (const sql of tables.flatMap((table) => table.sql)) rows.exec(sql);
    rows.exec(`PRAGMA user_version = ${snapshot.format}`);
    await this.#copyBatches();
    await this.#copyTables(tables);
    const incarnation = newId(context.clock, context.random);
    // One more than in the backup: what was committed after it had that number too.
    const commit = snapshot.commit + 1;
    this.#beginNewHistory(incarnation, commit);
    await this.#check();
    rows.exec("COMMIT");
    target.publish(incarnation, commit);
    return incarnation;
  }

  async #copyBatches(): Promise<void> {
    const { backup, target } = this.#parts;
    const logs = backup.all("SELECT id, start, end FROM log ORDER BY id");
    const insert = `INSERT INTO batch (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    for (const [log, start, end] of logs.map((row) => row.map(Number))) {
      let next = start as number;
      for (let more = true; more; ) {
        const batches = backup.all(
          `SELECT ${columns} FROM batch WHERE log = ? AND base >= ? AND base < ? ` +
            `ORDER BY base LIMIT ${batchesAtOnce}`,
          log as number,
          next,
          end as number,
        );
        for (const batch of batches) {
          next = this.#sound(batch);
          target.rows.run(insert, ...batch);
        }
        more = batches.length === batchesAtOnce;
        await this.#turn({ phase: "batches" });
      }
    }
  }

  /** Throws unless the batch is what was backed up; returns where it ends. */
  #sound(batch: Row): number {
    const [log = 0, base = 0, count = 0, appendedAtMs = 0, previousCrc = 0, crc = 0] = batch
      .slice(0, 6)
      .map(Number);
    const data = batch[8];
    const head = { log, base, count, appendedAtMs, previousCrc };
    if (!(data instanceof Uint8Array) || batchCrc(head, data) !== crc) {
      throw damagedBackup(`its batch at offset ${base} of log ${log} does not match its checksum`);
    }
    const bytesDone = this.#progress.bytesDone + data.byteLength;
    this.#progress = { ...this.#progress, bytesDone };
    return base + count;
  }

  async #copyTables(tables: readonly Table[]): Promise<void> {
    const { backup, target } = this.#parts;
    for (const table of tables.filter(isSmall)) copyWhole(table, backup, target.rows);
    copySequences(backup, target.rows);
    const source = { rows: backup, snapshot: <Result>(action: () => Result): Result => action() };
    for (const table of tables.filter(({ name }) => name === "state" || name === "timer")) {
      const sliced = new SlicedTable({ table, changeColumn: "", source, copy: target });
      await sliced.pass(0, () => this.#turn({ phase: "tables", rows: sliced.rowsWritten }));
    }
  }

  /** Nobody works on it, nobody was gone for long, and positions of before are told apart. */
  #beginNewHistory(incarnation: string, commit: number): void {
    const { target, context, snapshot } = this.#parts;
    const { rows } = target;
    const restored = JSON.stringify({ incarnation: snapshot.incarnation, commit: snapshot.commit });
    const meta = { incarnation, commit: String(commit), restored };
    for (const [name, value] of Object.entries(meta)) {
      const sql = "REPLACE INTO meta (name, value, crc) VALUES (?, ?, ?)";
      rows.run(sql, name, value, metaCrc(name, value));
    }
    rows.run("UPDATE grp SET seen_at = ?", context.clock.wallMs());
    for (const [group = 0, range = 0, epoch = 0] of rows.all(
      "SELECT grp, range, epoch FROM lease",
    )) {
      const crc = leaseCrc(Number(group), Number(range), Number(epoch), 0);
      const sql = "UPDATE lease SET member = 0, crc = ? WHERE grp = ? AND range = ?";
      rows.run(sql, crc, group, range);
    }
  }

  async #check(): Promise<void> {
    const { target, context } = this.#parts;
    this.#progress = { ...this.#progress, phase: "check", bytesDone: 0 };
    const options = {
      clock: context.clock,
      onBytes: (bytesDone: number) => {
        this.#progress = { ...this.#progress, bytesDone };
      },
      pieceDone: () => this.#turn({}),
    };
    const bad = await checkBatches(target.rows, options);
    const others = await checkRows(target.rows, options);
    const [first] = [...bad.map(({ reason }) => reason), ...others];
    if (first !== undefined) throw damagedBackup(first);
  }

  async #turn(news: Partial<BackupProgress>): Promise<void> {
    const { context } = this.#parts;
    this.#progress = { ...this.#progress, ...news };
    context.report(this.#progress);
    await new Promise<void>((resolve) => context.clock.soon(resolve));
    if (context.signal.aborted) throw abortedError();
  }
}

function damagedBackup(what: string): SpillwayError {
  return new SpillwayError(
    "BACKUP_INCOMPLETE",
    `the backup is damaged: ${what}. While the journal exists, run the backup again: it replaces ` +
      "what is damaged; otherwise use an older backup",
  );
}
