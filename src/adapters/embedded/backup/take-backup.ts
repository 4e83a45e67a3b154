// Takes a backup, inside a process of its own: batches first, then tables that may be large, both
// in slices while others write; then one short snapshot with what is left and all small tables.
// Always true: a snapshot that the backup holds is whole until a newer one replaces it, in one
// transaction; what an interrupted run has copied of the batches stays.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { inspectJournal } from "../journal/soundness.ts";
import { unitsMax } from "../journal/units.ts";
import type { TaskContext } from "../task/task-process.ts";
import { BackupCopy } from "./backup-copy.ts";
import { checkBatches, checkRows } from "./check-copy.ts";
import { BatchCopier } from "./copy-batches.ts";
import { describeSnapshot, holesOf, incompleteError, type Moment } from "./describe-snapshot.ts";
import type { BackupDamage, BackupSnapshot } from "./manifest.ts";
import { Pace } from "./pace.ts";
import { SlicedTable } from "./sliced-table.ts";
import { busyTimeoutMs, SourceJournal } from "./source-journal.ts";
import { copySequences, copyWhole, isSmall, type Table, tablesOf } from "./tables.ts";

/** What takeBackup() is asked. */
export interface BackupRequest {
  readonly directory: string;
  readonly to: string;
  readonly verify: "all" | "new";
}

/** How far a backup is. */
export interface BackupProgress {
  /** What it does now; "batches" comes again while others publish. */
  readonly phase: "batches" | "tables" | "check";
  readonly bytesDone: number;
  /** Bytes in this phase, as far as can be told now. */
  readonly bytesTotal: number;
  /** Rows of state and delayed messages copied so far. */
  readonly rows: number;
}

/** A backup that is complete. */
export interface BackupReport extends BackupSnapshot {
  readonly to: string;
  /** Whether an earlier backup in the same directory was continued. */
  readonly incremental: boolean;
  readonly batchesCopied: number;
  readonly bytesCopied: number;
  /** Rows of state and delayed messages that were copied. */
  readonly rowsCopied: number;
  /** How long the final snapshot kept the journal's write-ahead log from starting anew. */
  readonly snapshotMs: number;
  readonly elapsedMs: number;
}

/** Bytes of batches that are left to the final snapshot. */
const restBytesMax = 4_194_304;
/** Changed rows that are left to the final snapshot. */
const restRowsMax = 10_000;
/** Bytes after which is seen whether the copy catches up. */
const roundBytes = 67_108_864;
/** Rounds without rest in which it did not catch up: the final snapshot takes what is left. */
const roundsInVainMax = 3;

/** Takes or continues a backup. Throws BACKUP_CONFLICT, BACKUP_INCOMPLETE, BACKUP_IO, ABORTED. */
export async function takeBackup(
  request: BackupRequest,
  context: TaskContext,
): Promise<BackupReport> {
  const source = new SourceJournal(request.directory, context.clock);
  try {
    const tables = source.snapshot(() => tablesOf(source.rows));
    const copy = BackupCopy.open(request.to, source, tables);
    try {
      return await new BackupRun({ request, context, source, copy, tables }).run();
    } finally {
      copy.close();
    }
  } finally {
    source.close();
  }
}

interface RunParts {
  readonly request: BackupRequest;
  readonly context: TaskContext;
  readonly source: SourceJournal;
  readonly copy: BackupCopy;
  readonly tables: readonly Table[];
}

class BackupRun {
  readonly #parts: RunParts;
  readonly #batches: BatchCopier;
  readonly #pace: Pace;
  readonly #startedAtMs: number;
  #sliced: { readonly table: SlicedTable; since: number; readonly next: () => number }[] = [];
  #passedAtCommit = -1;
  #snapshotMs = 0;
  #progress: BackupProgress = { phase: "batches", bytesDone: 0, bytesTotal: 0, rows: 0 };

  constructor(parts: RunParts) {
    this.#parts = parts;
    const { source, copy, context } = parts;
    this.#batches = new BatchCopier(source, copy);
    this.#pace = new Pace(context.clock, context.signal, () => source.changed());
    this.#startedAtMs = context.clock.monotonicMs();
  }

  async run(): Promise<BackupReport> {
    const { copy } = this.#parts;
    const previous = copy.snapshot;
    const unsound = this.#lookAtSource(previous);
    this.#batches.assertSameHistory();
    this.#batches.retryHoles();
    await this.#copyBatches();
    // From here on nothing is kept unless all of it is: the snapshot before stays whole.
    copy.rows.exec("BEGIN IMMEDIATE");
    await this.#copyLargeTables(previous);
    await this.#copyBatches();
    const taken = this.#takeSnapshot();
    const damage = [...unsound, ...(await this.#check())];
    const snapshot = describeSnapshot(copy.rows, taken, damage);
    this.#assertWhole(snapshot.damage, previous);
    copy.keepSnapshot(snapshot);
    copy.rows.exec("COMMIT");
    if (snapshot.damage.length > 0) throw incompleteError(snapshot.damage, "the rest was copied");
    return this.#report(snapshot, previous !== undefined);
  }

  /** What its services are told when they open the journal: a lost end, rows that are wrong. */
  #lookAtSource(previous: BackupSnapshot | undefined): readonly string[] {
    const { request, context } = this.#parts;
    const options = { clock: context.clock, durability: "fsync", busyTimeoutMs } as const;
    const soundness = inspectJournal(request.directory, options);
    const reasons = soundness.kind === "damaged" ? soundness.damage.reasons : [];
    this.#assertWhole(
      reasons.map((reason) => ({ reason })),
      previous,
    );
    return reasons;
  }

  /** A snapshot that lacks something does not replace one that is whole. */
  #assertWhole(damage: readonly BackupDamage[], previous: BackupSnapshot | undefined): void {
    if (damage.length === 0 || previous === undefined || previous.damage.length > 0) return;
    throw incompleteError(damage, `commit ${previous.commit}, taken before, stays restorable`);
  }

  /** Copies batches until few are left, resting less if others publish faster. */
  async #copyBatches(): Promise<void> {
    const batches = this.#batches;
    let left = batches.bytesLeft();
    let inVain = 0;
    while (left > restBytesMax && inVain < roundsInVainMax) {
      const total = batches.bytes + left;
      const before = batches.bytes;
      await batches.copyRound(roundBytes, () => {
        this.#tell({ phase: "batches", bytesDone: batches.bytes, bytesTotal: total });
        return this.#pace.pieceDone();
      });
      const now = batches.bytesLeft();
      const done = batches.bytes - before;
      const grown = now - (left - done);
      if (grown > done / 2 && this.#pace.rests) this.#pace.hurry();
      else if (grown >= done) inVain++;
      left = now;
    }
  }

  /** Brings state and delayed messages up to date, pass after pass, until few rows change. */
  async #copyLargeTables(previous: BackupSnapshot | undefined): Promise<void> {
    const { copy, source, tables } = this.#parts;
    const anew = copy.adopt(source, tables);
    const sliced = (name: string, changeColumn: string, next: () => number): void => {
      const table = tables.find((candidate) => candidate.name === name);
      if (table === undefined) return;
      const known = previous !== undefined && !anew.has(name);
      const last = copy.rows.number(`SELECT max(${changeColumn}) FROM ${name}`);
      const since = name === "timer" ? last + 1 : ((previous?.commit ?? 0) + 1) * unitsMax;
      this.#sliced.push({
        table: new SlicedTable({ table, changeColumn, source, copy }),
        since: known ? since : 0,
        next,
      });
    };
    sliced("state", "version", () => (source.commitNumber() + 1) * unitsMax);
    sliced("timer", "id", () => source.rows.number("SELECT max(id) FROM timer") + 1);
    for (let before = Number.POSITIVE_INFINITY; ; ) {
      const changed = await this.#passLargeTables();
      if (changed <= restRowsMax) return;
      if (changed > before / 2) {
        if (!this.#pace.rests) return;
        this.#pace.hurry();
      }
      before = changed;
    }
  }

  async #passLargeTables(): Promise<number> {
    const { source } = this.#parts;
    let changed = 0;
    this.#passedAtCommit = source.snapshot(() => source.commitNumber());
    for (const part of this.#sliced) {
      const next = source.snapshot(part.next);
      changed += await part.table.pass(part.since, () => {
        this.#tell({ phase: "tables" });
        return this.#pace.pieceDone();
      });
      part.since = next;
    }
    return changed;
  }

  #takeSnapshot(): Moment {
    const { context, copy, source, tables } = this.#parts;
    const startedAtMs = context.clock.monotonicMs();
    const result = source.snapshot(() => {
      if (source.rows.number("PRAGMA user_version") !== source.format) {
        throw new SpillwayError(
          "JOURNAL_BUSY",
          `the journal in ${source.directory} was migrated to another format meanwhile: run the ` +
            "backup again",
        );
      }
      const commit = source.commitNumber();
      for (const table of tables.filter(isSmall)) copyWhole(table, source.rows, copy.rows);
      copySequences(source.rows, copy.rows);
      if (commit !== this.#passedAtCommit) {
        for (const { table, since } of this.#sliced) table.finish(since);
      }
      this.#batches.copyRest();
      const { incarnation, format } = source;
      const takenAtMs = context.clock.wallMs();
      return { moment: { incarnation, format, commit, takenAtMs }, logs: source.logs() };
    });
    this.#snapshotMs = context.clock.monotonicMs() - startedAtMs;
    copy.write(() => this.#batches.removeObsolete(result.logs));
    return result.moment;
  }

  /**
   * Reads the copy back. A batch that is not what was copied is copied anew; where that cannot be
   * it stays a hole. Returns what else is wrong.
   */
  async #check(): Promise<string[]> {
    const { copy, request, context } = this.#parts;
    const all = request.verify === "all";
    const bytesTotal = all ? copy.rows.number("SELECT sum(bytes) FROM log") : this.#batches.bytes;
    const options = {
      clock: context.clock,
      from: all ? undefined : this.#batches.copiedFrom,
      onBytes: (bytesDone: number) => this.#tell({ phase: "check", bytesDone, bytesTotal }),
      pieceDone: () => this.#pace.pieceDone(),
    };
    const bad = await checkBatches(copy.rows, options);
    const from = new Map<number, number>();
    for (const range of bad) {
      const first = Math.min(range.from, from.get(range.log) ?? range.from);
      from.set(range.log, first);
      if (range.ofBatches) this.#batches.replace(range);
    }
    const still = bad.length === 0 ? [] : await checkBatches(copy.rows, { ...options, from });
    const holes = holesOf(copy.rows);
    const others = still.filter(({ log, from: offset }) => !holes.has(`${log}/${offset}`));
    return [...others.map(({ reason }) => reason), ...(await checkRows(copy.rows, options))];
  }

  #report(snapshot: BackupSnapshot, incremental: boolean): BackupReport {
    const { context, request } = this.#parts;
    return {
      ...snapshot,
      to: request.to,
      incremental,
      batchesCopied: this.#batches.batches,
      bytesCopied: this.#batches.bytes,
      rowsCopied: this.#sliced.reduce((sum, { table }) => sum + table.rowsWritten, 0),
      snapshotMs: this.#snapshotMs,
      elapsedMs: context.clock.monotonicMs() - this.#startedAtMs,
    };
  }

  #tell(news: Partial<BackupProgress>): void {
    const rows = this.#sliced.reduce((sum, { table }) => sum + table.rowsWritten, 0);
    this.#progress = { ...this.#progress, rows, ...news };
    this.#parts.context.report(this.#progress);
  }
}
