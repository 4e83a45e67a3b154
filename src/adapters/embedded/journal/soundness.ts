// Whether a journal is sound, asked before anything opens it for writing (docs/adr/0006): compares
// it with its tail, and looks at the checksums and the structure of everything small. Always true:
// it changes nothing, not even by closing; what it calls damaged must not be written.
import { existsSync, statSync } from "node:fs";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { FindingList } from "../inspection/finding.ts";
import { rowChecksOf } from "../inspection/row-checks.ts";
import { rowsAtOnce, RowWalk } from "../inspection/row-walk.ts";
import { Snapshot } from "../inspection/snapshot.ts";
import {
  type Connection,
  type ConnectionOptions,
  journalFormat,
  openConnection,
  retryWhileBusy,
} from "./connection.ts";
import { type JournalDamage, lossReasons, unreadableJournal } from "./damage.ts";
import { databasePath, walPath } from "./directory.ts";
import { FilesTogether } from "./files-together.ts";
import { endProblems } from "./log-end-check.ts";
import { fileEndProblems } from "./file-end-check.ts";
import { lostCursors } from "./lost-cursors.ts";
import { removedUpToSql } from "./removed-rows.ts";
import { metaCrc } from "./row-checksums.ts";
import { schemaProblems } from "./schema-check.ts";
import { isDamage } from "./sqlite-errors.ts";
import { compareTail } from "./tail-compare.ts";
import { readTail, type TailReading } from "./tail-file.ts";
import type { TailLog } from "./tail-format.ts";
import { readTailLogs } from "./tail-logs.ts";
import { countWalFrames } from "./wal-frame-count.ts";

/** Up to this size all of SQLite's structure is looked at, above it only the small tables'. */
export const structureBytesMax = 67_108_864;
/** Rows of one table that are looked at. */
export const rowsCheckedMax = 51_200;
/** Findings of SQLite's own check that are named. */
const structureFindingsMax = 5;
/** State is as large as its users make it; its rows are checked when they are read. */
const uncheckedTables = ["state"];

/** What a look at a journal found. */
export type Soundness =
  /** There is no journal yet. */
  | { readonly kind: "new" }
  /** `doubts`: what cannot be known any more, and is no reason to stop; for people. */
  | { readonly kind: "sound"; readonly doubts: readonly string[] }
  | { readonly kind: "damaged"; readonly damage: JournalDamage };

/**
 * Looks at the journal in `directory`. Throws JOURNAL_DAMAGED where SQLite cannot read it at all,
 * JOURNAL_FORMAT for something else than a journal, JOURNAL_BUSY, JOURNAL_IO. `closedHere`: this
 * process closed it because its disk failed, and could not note what was copied.
 */
export function inspectJournal(
  directory: string,
  options: ConnectionOptions,
  closedHere = false,
): Soundness {
  try {
    const soundness = lookOnce(directory, options, closedHere);
    if (soundness.kind !== "damaged") return soundness;
  } catch (error) {
    if (!isDamagedJournal(error)) throw error;
  }
  // A read that fails once can look like damage; what is damaged is found so again.
  return lookOnce(directory, options, closedHere);
}

function isDamagedJournal(error: unknown): boolean {
  return error instanceof SpillwayError && error.code === "JOURNAL_DAMAGED";
}

function lookOnce(directory: string, options: ConnectionOptions, closedHere: boolean): Soundness {
  // The tail first: what the database says afterwards can only be later.
  const tail = readTail(directory);
  if (isMissing(directory, tail)) return { kind: "new" };
  let connection: Connection | undefined;
  try {
    connection = openConnection(directory, "inspector", options);
    const inspection = new Inspection(directory, connection, tail, closedHere);
    return retryWhileBusy(`looking at the journal in ${directory}`, options, () => {
      return inspection.run();
    });
  } catch (error) {
    if (wasNeverMade(error, tail)) return { kind: "new" };
    throw openingFailure(directory, error, tail);
  } finally {
    connection?.close();
  }
}

/** Whether there is no database; throws where there must be one. */
function isMissing(directory: string, tail: TailReading): boolean {
  const path = databasePath(directory);
  const size = existsSync(path) ? statSync(path).size : -1;
  if (size > 0) return false;
  const what = size < 0 ? "is missing" : "is empty";
  const walBytes = statSync(walPath(directory), { throwIfNoEntry: false })?.size ?? 0;
  if (tail.state === "read" || (size < 0 && walBytes > 0)) {
    throw unreadableJournal(directory, `${path} ${what}, and there was a journal`);
  }
  return true;
}

/** Its making was cut short; whoever opens it for writing undoes what there is of it. */
function wasNeverMade(error: unknown, tail: TailReading): boolean {
  if (tail.state === "read" || !(error instanceof SpillwayError)) return false;
  return error.details["unfinished"] === true;
}

/** A journal whose first page is damaged looks like another program's file; its tail tells. */
function openingFailure(directory: string, error: unknown, tail: TailReading): unknown {
  if (isDamage(error)) return unreadableJournal(directory, String(error), error);
  if (!(error instanceof SpillwayError)) return error;
  const isNewer = error.details["format"] !== undefined;
  if (error.code === "JOURNAL_FORMAT" && tail.state === "read" && !isNewer) {
    const what = `${databasePath(directory)} is not what it was (${error.message})`;
    return unreadableJournal(directory, what, error);
  }
  return error;
}

/** One look, on one connection; may be repeated after a lock was busy. */
class Inspection {
  readonly #directory: string;
  readonly #tail: TailReading;
  readonly #closedHere: boolean;
  readonly #snapshot: Snapshot;
  /** Pages in the write-ahead log; undefined where SQLite does not tell. */
  #walFrames: number | undefined;
  #format = journalFormat;

  constructor(directory: string, connection: Connection, tail: TailReading, closedHere: boolean) {
    this.#closedHere = closedHere;
    this.#directory = directory;
    this.#tail = tail;
    this.#snapshot = new Snapshot(connection, (error) => !isDamage(error));
  }

  run(): Soundness {
    // Not inside a transaction: SQLite refuses it there.
    this.#walFrames = countWalFrames(this.#directory, this.#snapshot);
    return this.#snapshot.within(() => this.#look());
  }

  #look(): Soundness {
    const format = this.#pragma("user_version");
    const tables = this.#snapshot.first<{ tables: number }>(
      "SELECT count(*) AS tables FROM sqlite_schema",
    );
    if (format === 0 && tables?.tables === 0 && this.#tail.state !== "read") return { kind: "new" };
    if (format === 0) {
      throw unreadableJournal(this.#directory, "its first page does not say which format it has");
    }
    const files = new FilesTogether(this.#directory, this.#tail, this.#walFrames !== 0);
    files.assertTailsOwn();
    const logs = this.#logs();
    this.#format = format;
    const reasons = this.#problems();
    const { incarnation, commit } = this.#meta(reasons);
    files.assertLogsOwn(incarnation);
    files.assertKnown(reasons);
    const { tail } = this.#tail;
    // Where its rows are wrong, what they say about the end means nothing.
    const isReadable = reasons.length === 0;
    if (!isReadable) return this.#verdict(reasons, commit, incarnation, []);
    const olderLog = files.olderLog(commit);
    if (tail === undefined) return this.#verdict(olderLog, commit, incarnation, []);
    const removed = this.#snapshot.first<{ value: string }>(removedUpToSql)?.value ?? 0;
    const difference = compareTail(tail, { incarnation, commit, logs }, Number(removed));
    const losses = lossReasons(difference);
    if (losses.length === 0) return this.#verdict(files.staleness(), commit, incarnation, []);
    const { missing } = difference;
    if (olderLog.length > 0) return this.#verdict(olderLog, commit, incarnation, missing);
    return { kind: "damaged", damage: { incarnation, reasons: losses, missing, isLoss: true } };
  }

  #verdict(
    reasons: readonly string[],
    commit: number,
    incarnation: string,
    missing: JournalDamage["missing"],
  ): Soundness {
    if (reasons.length > 0) {
      return { kind: "damaged", damage: { incarnation, reasons, missing, isLoss: false } };
    }
    return { kind: "sound", doubts: this.#isCurrent ? this.#doubts(commit) : [] };
  }

  /** Whether the journal has this library's format; an older one has no tail, and other tables. */
  get #isCurrent(): boolean {
    return this.#format === journalFormat;
  }

  #logs(): TailLog[] {
    return readTailLogs((sql) => {
      const { rows, failure } = this.#snapshot.read(sql);
      if (failure !== undefined) throw unreadableJournal(this.#directory, failure);
      return rows;
    });
  }

  #meta(reasons: string[]): { incarnation: string; commit: number } {
    const { rows } = this.#snapshot.read<{ name: string; value: string; crc: number }>(
      "SELECT name, value, crc FROM meta",
    );
    const sound = new Map(
      rows.filter((row) => metaCrc(row.name, row.value) === row.crc).map((row) => [row.name, row]),
    );
    for (const name of ["incarnation", "commit", "members"]) {
      if (!sound.has(name)) reasons.push(`meta has no sound row '${name}'`);
    }
    const incarnation = sound.get("incarnation")?.value ?? this.#tail.tail?.incarnation ?? "";
    return { incarnation, commit: Number(sound.get("commit")?.value ?? 0) };
  }

  /** Rows that are wrong, and structure that is. */
  #problems(): string[] {
    const findings = new FindingList();
    const counts = { batches: 0, messages: 0, bytes: 0, rows: 0 };
    const parts = { snapshot: this.#snapshot, findings, counts };
    for (const check of rowChecksOf(this.#format)) {
      if (uncheckedTables.includes(check.table)) continue;
      const walk = new RowWalk(check, parts);
      for (let rows = 0; rows < rowsCheckedMax && walk.slice(); ) rows += rowsAtOnce;
    }
    const problems = findings.findings.map(({ message }) => message);
    problems.push(...this.#structure());
    if (this.#isCurrent) problems.push(...schemaProblems(this.#snapshot, this.#isSmall));
    if (this.#isCurrent) problems.push(...this.#endProblems());
    if (this.#isCurrent) problems.push(...lostCursors(this.#snapshot));
    return problems;
  }

  #endProblems(): string[] {
    const ofFile = fileEndProblems(this.#directory, this.#snapshot, this.#isSmall);
    return [...ofFile, ...endProblems(this.#snapshot)];
  }

  get #isSmall(): boolean {
    return this.#pragma("page_count") * this.#pragma("page_size") <= structureBytesMax;
  }

  #structure(): string[] {
    const whole = `PRAGMA integrity_check(${structureFindingsMax})`;
    const checks = this.#isSmall
      ? [whole]
      : rowChecksOf(this.#format)
          .filter(({ table }) => !uncheckedTables.includes(table))
          .map(({ table }) => `PRAGMA integrity_check(${table})`);
    return checks.flatMap((sql) => {
      const { rows, failure } = this.#snapshot.read<Record<string, unknown>>(sql);
      const messages = rows.flatMap((row) => String(Object.values(row)[0]).split("\n"));
      if (failure !== undefined) messages.push(failure);
      return messages
        .filter((message) => message !== "ok" && message !== "")
        .slice(0, structureFindingsMax)
        .map((message) => `SQLite's structure: ${message}`);
    });
  }

  #doubts(commit: number): string[] {
    const { state, copied, tail } = this.#tail;
    if (state !== "read") {
      return commit === 0
        ? []
        : [
            `the journal's tail was ${state === "missing" ? "missing" : "not readable"}: had its ` +
              "last commits been lost, nobody could tell; a new one was written",
          ];
    }
    if (copied === 0 || copied >= commit || tail?.commit !== commit) return [];
    if (this.#walFrames !== 0 || this.#closedHere) return [];
    return [
      `the write-ahead log is gone, and was copied up to commit ${copied} of ${commit} for all ` +
        "that is known: somebody else closed the journal, or deleted it; run `spillway verify`",
    ];
  }

  #pragma(name: string): number {
    const row = this.#snapshot.first<Record<string, unknown>>(`PRAGMA ${name}`);
    return Number(Object.values(row ?? {})[0]);
  }
}
