// verifyJournal(): looks at a whole journal while others go on publishing. The work is done in a
// process of its own (verify-process.ts).
import { resolve } from "node:path";
import { runTask, taskUrl } from "../task/child-task.ts";
import type { VerifyRequest } from "./verify-process.ts";
import type { VerifyProgress, VerifyReport } from "./verify-report.ts";

/** Options of verifyJournal(). */
export interface VerifyOptions {
  /** Called now and then. What it throws ends the verification and rejects the call. */
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Ends the verification early; the report then has what was found so far. */
  readonly signal?: AbortSignal;
}

/**
 * Looks at everything in a journal: the checksum of every batch and row, that no offset is missing,
 * that cursors and open lists lie within their logs, and SQLite's own structure. Processes that use
 * the journal go on; nothing is changed. Damage is what the report says; it rejects with
 * JOURNAL_DIRECTORY, JOURNAL_FORMAT, JOURNAL_BUSY or TASK_STOPPED when it cannot look at all.
 *
 * @example
 * import { verifyJournal } from "spillway/embedded";
 * const report = await verifyJournal("./data", { signal: AbortSignal.abort() }).catch(() => null);
 * console.log(report?.sound ?? "nothing was looked at"); // nothing was looked at
 */
export async function verifyJournal(
  directory: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const request: VerifyRequest = { directory: resolve(directory) };
  const url = taskUrl("inspection", "verify-process");
  return runTask<VerifyProgress, VerifyReport>(url, request, options);
}
