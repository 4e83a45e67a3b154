// backupJournal(): checks its arguments and runs the backup in a process of its own, because the
// caller may hold the journal open and must not be slowed down. Knows nothing of how it is taken.
import { resolve } from "node:path";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { runTask, taskUrl } from "../task/child-task.ts";
import type { BackupProgress, BackupReport, BackupRequest } from "./take-backup.ts";

/** Options of backupJournal(). */
export interface BackupOptions {
  /** Where the backup lies: a new or empty directory, or one with a backup of this journal. */
  readonly to: string;
  /**
   * "all" (default): reads everything back that the backup holds, and checks it.
   * "new": only what this call has copied.
   */
  readonly verify?: "all" | "new";
  /** Called several times a second. */
  readonly onProgress?: (progress: BackupProgress) => void;
  /** Stops at the next good point: the next call with the same directory goes on from there. */
  readonly signal?: AbortSignal;
}

/**
 * Backs up the journal in `directory` while other processes go on working with it. A second call
 * with the same `to` copies only what is new. When it resolves, `to` holds the journal as of one
 * commit, complete and checked; before, it holds what it held. Rejects with BACKUP_CONFLICT,
 * BACKUP_INCOMPLETE (the journal is damaged), BACKUP_IO, ABORTED, or TASK_STOPPED.
 *
 * @example
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { createBus, defineChannel, defineEvent } from "spillway";
 * import { backupJournal, embedded } from "spillway/embedded";
 * import { z } from "zod";
 * const root = mkdtempSync(join(tmpdir(), "backup-"));
 * const directory = join(root, "data");
 * const Paid = defineEvent("com.acme.paid", { data: z.object({ cents: z.number() }) });
 * const payments = defineChannel("payments", { messages: [Paid] });
 * await using bus = await createBus({
 *   name: "billing",
 *   transport: embedded({ directory }),
 *   channels: [payments],
 * });
 * await bus.publish(Paid, { cents: 995 });
 * const { logs } = await backupJournal(directory, { to: join(root, "backup") });
 * console.log(logs[0]?.channel, logs[0]?.end); // payments 1
 */
export async function backupJournal(
  directory: string,
  options: BackupOptions,
): Promise<BackupReport> {
  const { to, verify = "all", onProgress, signal } = options;
  assertPath("backupJournal(): the journal's directory", directory);
  assertPath("backupJournal(): to", to);
  if (verify !== "all" && verify !== "new") {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `backupJournal(): verify is ${JSON.stringify(verify)}: give "all" or "new"`,
    );
  }
  const request: BackupRequest = { directory: resolve(directory), to: resolve(to), verify };
  return runTask<BackupProgress, BackupReport>(taskUrl("backup", "backup-process"), request, {
    onProgress,
    signal,
  });
}

/** Throws INVALID_ARGUMENT for what cannot be the path of a directory. */
export function assertPath(what: string, path: unknown): void {
  if (typeof path === "string" && path !== "" && !path.includes("\0")) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `${what} is ${JSON.stringify(path)}: give the path of a local directory`,
  );
}
