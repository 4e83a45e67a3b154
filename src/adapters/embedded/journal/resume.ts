// Opening again after a failure of the disk: what the life before left open is settled before
// anything else is done. Knows nothing of threads or of who waits. Always true: only the same
// journal is resumed; frames that a failed sync may have left out of the write-ahead log are
// written anew, into the database, before the first commit stands behind them.
import { existsSync } from "node:fs";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { pauseThread } from "../../../kernel/pause.ts";
import { Snapshot } from "../inspection/snapshot.ts";
import { type Connection, type ConnectionOptions, openConnection } from "./connection.ts";
import type { JournalDamage } from "./damage.ts";
import { databasePath } from "./directory.ts";
import type { Doubt, Resumption } from "./engine.ts";
import { fileEndProblems } from "./file-end-check.ts";
import type { Members } from "./members.ts";
import { isDamage } from "./sqlite-errors.ts";
import type { Writer } from "./writer.ts";

/** How often a checkpoint is tried that readers of other processes hold up. */
const checkpointsMax = 50;
const checkpointPauseMs = 2;

/** Throws where the journal is gone: a writer would make a new, empty one in its place. */
export function assertStillThere(directory: string): void {
  if (existsSync(databasePath(directory))) return;
  throw new SpillwayError(
    "JOURNAL_DIRECTORY",
    `the journal in ${directory} is gone: bring the disk or the directory back`,
    { details: { directory } },
  );
}

/**
 * Where SQLite met damage all of its structure is looked at, however large the database is. What
 * only says that the disk cannot be read is no damage.
 */
export function looksDamaged(
  directory: string,
  options: ConnectionOptions,
  { incarnation }: Resumption,
): JournalDamage | undefined {
  const connection = openConnection(directory, "inspector", options);
  try {
    const row = connection.prepare("PRAGMA quick_check(1)").get();
    const said = String(Object.values(row ?? {})[0]);
    if (said === "ok") return looksCut(directory, connection, incarnation);
    if (/error code=\d/.test(said)) {
      throw new SpillwayError("JOURNAL_IO", `the journal cannot be looked at: ${said}`);
    }
    return { incarnation, reasons: [`SQLite's structure: ${said}`], missing: [], isLoss: false };
  } finally {
    connection.close();
  }
}

/** What lies behind the end of a file that was cut is damage that the structure does not show. */
function looksCut(
  directory: string,
  connection: Connection,
  incarnation: string,
): JournalDamage | undefined {
  const snapshot = new Snapshot(connection, (error) => !isDamage(error));
  const reasons = snapshot.within(() => fileEndProblems(directory, snapshot, true));
  if (reasons.length === 0) return undefined;
  return { incarnation, reasons, missing: [], isLoss: false };
}

/** Settles what `resumption` says; throws where this is another journal. */
export function resume(
  parts: {
    readonly writer: Writer;
    readonly members: Members;
    /** Keeps what the life before left in doubt, inside a transaction. */
    noteDoubts(doubts: readonly Doubt[]): void;
  },
  resumption: Resumption,
): void {
  const { writer, members } = parts;
  const incarnation = writer.meta("incarnation");
  if (incarnation !== resumption.incarnation) {
    throw new SpillwayError(
      "INCARNATION_CHANGED",
      "another journal lies where this process had one open: bring the former one back, or start " +
        "the process anew",
      { details: { incarnation, expected: resumption.incarnation } },
    );
  }
  rewriteLog(writer);
  writer.transaction("resuming after a failure", () => {
    writer.run("DELETE FROM process WHERE id = ?", resumption.process);
    members.removeProcess(resumption.process);
    parts.noteDoubts(resumption.doubts);
  });
}

/**
 * What was recovered from the write-ahead log may be in memory only: a sync that failed marks pages
 * as written that are not. A checkpoint writes them to the database and syncs that.
 */
function rewriteLog(writer: Writer): void {
  for (let attempt = 0; attempt < checkpointsMax; attempt++) {
    const row = writer.one<{ busy: number }>("PRAGMA wal_checkpoint(TRUNCATE)");
    // Held up by others: then the log was never recovered, and what was in doubt is gone from it.
    if (row?.busy !== 1) return;
    pauseThread(checkpointPauseMs);
  }
}
