// repairJournal(): builds a new journal from a damaged one. The work is done in a process of its
// own (repair-process.ts).
import { resolve } from "node:path";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { runTask, taskUrl } from "../task/child-task.ts";
import type { RepairProgress, RepairReport, RepairRequest } from "./repair-report.ts";

/** Options of repairJournal(). */
export interface RepairOptions {
  /** The damaged journal's directory; it is only read. No service may use it meanwhile. */
  readonly from: string;
  /** The new journal's directory: new, or empty. */
  readonly to: string;
  /** Called now and then. What it throws ends the repair and rejects the call. */
  readonly onProgress?: (progress: RepairProgress) => void;
  /** Ends the repair; the new directory is then empty again. */
  readonly signal?: AbortSignal;
}

/**
 * Builds a new journal with everything of a damaged one that is readable. Batches that are not
 * become gaps, which readers are told of; cursors that are not fall back to their last copy, so
 * that messages come again rather than never. The report names all of it. The old directory is
 * kept. Rejects with BACKUP_CONFLICT, BACKUP_IO, JOURNAL_BUSY, JOURNAL_FORMAT, ABORTED or
 * TASK_STOPPED; the new directory is then empty.
 */
export async function repairJournal(options: RepairOptions): Promise<RepairReport> {
  const { onProgress, signal } = options;
  const request: RepairRequest = { from: resolve(options.from), to: resolve(options.to) };
  if (request.from === request.to) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      "a journal is repaired into a new directory: give another one, the old one is kept",
    );
  }
  const url = taskUrl("inspection", "repair-process");
  return runTask<RepairProgress, RepairReport>(url, request, { onProgress, signal });
}
