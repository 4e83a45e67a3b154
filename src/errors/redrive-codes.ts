// The codes of redriving dead letters; rows of the one table in error-codes.ts.
import { type ErrorCodeEntry, row } from "./error-code-entry.ts";

/** What can keep letters from being redriven. */
export const redriveCodes = {
  DEDUP_HORIZON: row(
    false,
    "definite",
    "A letter is so old that a repeat of what its handler did outside its unit may go unnoticed.",
    "Make sure that a repeat does no harm, then pass `allowRepeat` (--allow-repeat).",
  ),
  REDRIVE_ACTIVE: row(
    false,
    "definite",
    "A redrive of these letters is under way, or was interrupted and can go on.",
    "Wait for it, resume it, or cancel it; then start another.",
  ),
  REDRIVE_TAKEN_OVER: row(
    false,
    "definite",
    "Another process resumed or cancelled this redrive; this one moved nothing more.",
    "Nothing: look at the redrive's report for what became of it.",
  ),
  REDRIVE_TOO_LARGE: row(
    false,
    "definite",
    "More letters are meant than one redrive takes.",
    "Narrow the filter, by time for example, and redrive in parts.",
  ),
  REDRIVE_UNKNOWN: row(
    false,
    "definite",
    "There is no redrive of these letters that could be resumed or cancelled.",
    "Start one; finished and cancelled ones are over.",
  ),
} as const satisfies Record<string, ErrorCodeEntry>;
