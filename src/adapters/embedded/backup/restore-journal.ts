// restoreJournal(): checks its arguments and builds the journal in a process of its own. Knows
// nothing of how it is built.
import { resolve } from "node:path";
import { runTask, taskUrl } from "../task/child-task.ts";
import { assertPath } from "./backup-journal.ts";
import type { RestoreReport, RestoreRequest } from "./build-journal.ts";
import type { BackupProgress } from "./take-backup.ts";

/** Options of restoreJournal(). */
export interface RestoreOptions {
  /** Where the journal is to lie: a new or empty directory. */
  readonly to: string;
  /** Called several times a second. */
  readonly onProgress?: (progress: BackupProgress) => void;
  /** Stops; what was begun is removed. */
  readonly signal?: AbortSignal;
}

/**
 * Makes a journal of the backup in `directory`. It appears in `to` complete and checked or not at
 * all, and gets an incarnation of its own, so that whoever kept positions of the old one notices.
 * Rejects with BACKUP_CONFLICT (`to` is not empty), BACKUP_INCOMPLETE, BACKUP_IO, ABORTED or
 * TASK_STOPPED.
 */
export async function restoreJournal(
  directory: string,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const { to, onProgress, signal } = options;
  assertPath("restoreJournal(): the backup's directory", directory);
  assertPath("restoreJournal(): to", to);
  const request: RestoreRequest = { from: resolve(directory), to: resolve(to) };
  return runTask<BackupProgress, RestoreReport>(taskUrl("backup", "restore-process"), request, {
    onProgress,
    signal,
  });
}
