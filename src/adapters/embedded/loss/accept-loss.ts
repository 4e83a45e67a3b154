// acceptLoss(): goes on without what a damaged journal has lost. A step of its own and no option of
// embedded(): an option left in a program would accept every later loss too. The work is done in a
// process of its own (accept-process.ts).
import { resolve } from "node:path";
import { busyTimeoutMsDefault } from "../options.ts";
import { runTask, taskUrl } from "../task/child-task.ts";
import type { AcceptedLoss, AcceptLossRequest } from "./accepted-loss.ts";

/**
 * Accepts that the end of a damaged journal is lost, so that it can be written again. The missing
 * offsets become gaps, which readers receive, and are never given to other messages. Try
 * `spillway repair` first: it may find what is missing. Rejects with JOURNAL_DAMAGED where more
 * than the end is wrong, JOURNAL_FORMAT where there is no journal, JOURNAL_BUSY, JOURNAL_IO.
 *
 * @example
 * import { acceptLoss } from "spillway/embedded";
 * const loss = await acceptLoss("./no-journal-here").catch((error) => error.code);
 * console.log(loss); // JOURNAL_FORMAT
 */
export async function acceptLoss(directory: string): Promise<AcceptedLoss> {
  const request: AcceptLossRequest = {
    directory: resolve(directory),
    busyTimeoutMs: busyTimeoutMsDefault,
  };
  return runTask<never, AcceptedLoss>(taskUrl("loss", "accept-process"), request);
}
