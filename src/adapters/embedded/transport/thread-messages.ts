// What the main thread and the writer thread say to each other: plain data that can be cloned, and
// errors taken apart and put together again.
import type { Certainty, ErrorCode } from "../../../errors/error-codes.ts";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type {
  EngineNotice,
  EngineRequestKind,
  EngineRequests,
  Resumption,
} from "../journal/engine.ts";

/** One request, as main sends it. */
export type ThreadRequest = {
  [Kind in EngineRequestKind]: {
    readonly id: number;
    readonly kind: Kind;
    readonly request: EngineRequests[Kind]["request"];
  };
}[EngineRequestKind];

/** An error as plain data. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly certainty: Certainty;
  readonly details: string;
  readonly cause: string | undefined;
}

/** What the writer thread says. Notices of a request come before its answer. */
export type ThreadMessage =
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly kind: "refusal"; readonly id: number; readonly error: PlainError }
  | { readonly kind: "notice"; readonly notice: EngineNotice }
  | {
      /** The last message: everything is closed; requests without an answer were not begun. */
      readonly kind: "stopped";
      readonly error: PlainError;
      readonly resumption: Resumption | undefined;
    };

/** What the writer thread is started with. */
export interface WriterData {
  /** Word 0: main's sign of life, raised by main. */
  readonly progress: Int32Array;
}

/** An error as plain data; one that is not ours means that the writer itself is broken. */
export function toPlainError(error: unknown): PlainError {
  const known =
    error instanceof SpillwayError
      ? error
      : new SpillwayError("JOURNAL_STOPPED", `the writer failed: ${textOf(error)}`, {
          cause: error,
        });
  const { code, message, certainty, cause } = known;
  const details = JSON.stringify(known.details);
  const reason = cause === undefined ? undefined : textOf(cause);
  return { code, message, certainty, details, cause: reason };
}

/** The error that toPlainError() took apart. */
export function fromPlainError(error: PlainError): SpillwayError {
  return new SpillwayError(error.code, error.message, {
    certainty: error.certainty,
    details: JSON.parse(error.details) as Record<string, unknown>,
    ...(error.cause === undefined ? {} : { cause: new Error(error.cause) }),
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
