// The error classes. Whatever the library throws or rejects with is a SpillwayError: its code comes
// from the one table, and says whether to try again and whether the operation may have happened.
import { type Certainty, type ErrorCode, errorCodes } from "./error-codes.ts";

/** What a SpillwayError is made of. */
export interface SpillwayErrorOptions {
  /** Facts about this failure: values, limits, names; plain data. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** What caused it. */
  readonly cause?: unknown;
  /** Overrides the table where one case is more certain than its code in general. */
  readonly certainty?: Certainty;
}

/**
 * The base of every error of this library.
 *
 * @example
 * import { SpillwayError } from "spillway";
 * const error = new SpillwayError("BACK_PRESSURE", "10,000 publishes wait: await some of them");
 * console.log(error.code, error.retryable, error.certainty); // BACK_PRESSURE true definite
 */
export class SpillwayError extends Error {
  /** The row of the error table; see the error reference. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without any change by the caller. */
  readonly retryable: boolean;
  /** "definite": it surely had no effect. "indefinite": it may have had one. */
  readonly certainty: Certainty;
  /** Facts about this failure, as plain data. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: SpillwayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = errorCodes[code].retryable;
    this.certainty = options.certainty ?? errorCodes[code].certainty;
    this.details = options.details ?? {};
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** One fault that a schema found. */
export interface ValidationIssue {
  /** Where: the keys from the data's root, joined with dots; "" is the data itself. */
  readonly path: string;
  /** What is wrong there, in the validator's words. */
  readonly message: string;
}

/** Most faults that a ValidationError's message repeats; its `issues` hold all of them. */
const issuesShownMax = 50;

function listOf(issues: readonly ValidationIssue[]): string {
  const lines = issues
    .slice(0, issuesShownMax)
    .map((issue) => `${issue.path || "(data)"}: ${issue.message}`);
  const more = issues.length - lines.length;
  return more > 0 ? `${lines.join("; ")}; and ${more} more` : lines.join("; ");
}

/** The data does not fit its contract's schema; `issues` lists every faulty path. */
export class ValidationError extends SpillwayError {
  /** Every fault that the schema found. */
  readonly issues: readonly ValidationIssue[];

  /** `subject` says what did not fit, as in "data of 'com.acme.order.placed' version 1". */
  constructor(subject: string, issues: readonly ValidationIssue[], options?: SpillwayErrorOptions) {
    super("VALIDATION_FAILED", `${subject} does not fit its schema: ${listOf(issues)}`, {
      ...options,
      details: { ...options?.details, issues },
    });
    this.issues = issues;
  }
}

/** Too much waits already; nothing was stored. Await earlier publishes, then try again. */
export class BackPressureError extends SpillwayError {
  /**
   * When to try again, in milliseconds from now, where a full channel refused it: estimated from
   * the rate at which its messages are settled. Undefined where only earlier publishes need to be
   * awaited.
   */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: SpillwayErrorOptions & { readonly retryAfterMs?: number | undefined } = {},
  ) {
    const { retryAfterMs = options.details?.["retryAfterMs"], ...rest } = options;
    const known = typeof retryAfterMs === "number" ? { retryAfterMs } : {};
    super("BACK_PRESSURE", message, { ...rest, details: { ...rest.details, ...known } });
    this.retryAfterMs = known.retryAfterMs;
  }
}

/** The transport cannot give what was asked for; the message says what can. */
export class UnsupportedError extends SpillwayError {
  constructor(message: string, options?: SpillwayErrorOptions) {
    super("UNSUPPORTED", message, options);
  }
}

/** The bus, subscription or journal is closing or closed. */
export class ClosedError extends SpillwayError {
  constructor(message: string, options?: SpillwayErrorOptions) {
    super("CLOSED", message, options);
  }
}

/** These keys now belong to another consumer; the late commit was refused as a whole. */
export class LeaseLostError extends SpillwayError {
  constructor(message: string, options?: SpillwayErrorOptions) {
    super("LEASE_LOST", message, options);
  }
}
