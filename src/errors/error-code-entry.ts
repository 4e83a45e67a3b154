// What the table of error codes says of each code.

/** What is known about a failed operation: it surely did not happen, or it may have happened. */
export type Certainty = "definite" | "indefinite";

/** One row of the table. */
export interface ErrorCodeEntry {
  /** Whether the same call may succeed later without any change by the caller. */
  readonly retryable: boolean;
  /** Whether the operation surely had no effect ("definite") or may have had one. */
  readonly certainty: Certainty;
  /** What makes the library report it. */
  readonly cause: string;
  /** What the person who sees it should do. */
  readonly remedy: string;
}

/** A row of the table. */
export const row = (
  retryable: boolean,
  certainty: Certainty,
  cause: string,
  remedy: string,
): ErrorCodeEntry => ({ retryable, certainty, cause, remedy });
