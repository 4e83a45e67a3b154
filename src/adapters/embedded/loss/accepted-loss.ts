// What acceptLoss() is asked and answers. Plain data, because it crosses to another process.
import type { Priority } from "../../../message/envelope.ts";

/** What the process that does the work is asked. */
export interface AcceptLossRequest {
  readonly directory: string;
  readonly busyTimeoutMs: number;
}

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
  /**
   * Where the write-ahead log was copied to before it was used again. It belongs to the database as
   * it was then: beside a copy of that, named `journal.db-wal`, repair reads it. Repair of this
   * directory does not: what was accepted stays a gap, which groups and readers have passed.
   */
  readonly walCopy: string | undefined;
}
