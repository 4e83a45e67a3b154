// acceptLoss(): goes on without what a damaged journal has lost. A step of its own and no option of
// embedded(): an option left in a program would accept every later loss too. The work is done in a
// process of its own (accept-process.ts).
import { resolve } from "node:path";
import type { Priority } from "../../../message/envelope.ts";
import { busyTimeoutMsDefault } from "../options.ts";
import { runTask, taskUrl } from "../task/child-task.ts";
import type { AcceptLossRequest } from "./accept-process.ts";

/** Offsets that were given to messages which are gone. */
export interface LostRange {
  readonly channel: string;
  readonly priority: Priority;
  /** First lost offset. */
  readonly fromOffset: number;
  /** First offset behind them; the next message gets this one. */
  readonly toOffset: number;
  /** False where it is only known that nothing was stored at `toOffset` or behind it. */
  readonly exact: boolean;
}

/** What acceptLoss() accepted. */
export interface AcceptedLoss {
  /** False where nothing was missing; then nothing was changed. */
  readonly accepted: boolean;
  /** Numbers of the commits that are gone: messages, acknowledgements, state, delayed messages. */
  readonly commits: { readonly from: number; readonly to: number } | undefined;
  readonly ranges: readonly LostRange[];
  /** Whether the tail belonged to another journal, or to another life of this one. */
  readonly otherIncarnation: boolean;
  /** Where the write-ahead log was copied to before it was used again: repair may read it. */
  readonly walCopy: string | undefined;
}

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
