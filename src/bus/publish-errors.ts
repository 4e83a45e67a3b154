// The errors of publishing: one per message, each naming its message, its certainty and, where the
// whole append failed, the common cause. Owns wording only.
import type { Certainty, ErrorCode } from "../errors/error-codes.ts";
import {
  BackPressureError,
  ClosedError,
  SpillwayError,
  ValidationError,
} from "../errors/spillway-error.ts";
import type { PendingBudget } from "./pending-budget.ts";

/**
 * The error of one message whose append was rejected: its own object, with the message's id.
 * `certainty` overrides the cause's, where the caller knows better.
 */
export function appendError(
  cause: unknown,
  channel: string,
  id: string | undefined,
  certainty?: Certainty,
): SpillwayError {
  const known = cause instanceof SpillwayError ? cause : undefined;
  const code = known?.code ?? "TRANSPORT_FAILED";
  const reason = cause instanceof Error ? cause.message : String(cause);
  return errorOf(
    code,
    `message ${id === undefined ? "" : `${id} `}to '${channel}' was not confirmed: ${reason}`,
    {
      details: { ...known?.details, channel, id },
      certainty: certainty ?? known?.certainty ?? "indefinite",
      cause,
    },
  );
}

/** How far a publishMany came. */
export interface ManyProgress {
  /** The first element that failed. */
  readonly index: number;
  readonly stored: number;
  /** Elements of which nobody knows whether they are stored. */
  readonly unconfirmed: readonly { readonly index: number; readonly id: unknown }[];
}

/** The error of publishMany: which element failed, and what became of the others. */
export function manyError(
  cause: unknown,
  type: string,
  { index, stored, unconfirmed }: ManyProgress,
  certainty: Certainty,
): SpillwayError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const known = cause instanceof SpillwayError ? cause : undefined;
  const details = { ...known?.details, index, stored, unconfirmed };
  if (cause instanceof ValidationError) {
    const subject = `element ${index} given to publishMany of '${type}' (${stored} are stored)`;
    return new ValidationError(subject, cause.issues, {
      details,
      certainty,
      cause,
    });
  }
  const message =
    `publishMany of '${type}' stopped at element ${index}, ${stored} are stored: ` + reason;
  return errorOf(known?.code ?? "INVALID_ARGUMENT", message, { details, certainty, cause });
}

/** The refusal of a publish while too many others wait. */
export function backPressureError(type: string, budget: PendingBudget): BackPressureError {
  const { count, bytes, limits } = budget;
  const { pendingMax, pendingBytesMax } = limits;
  return new BackPressureError(
    `'${type}' was not published: ${count} publishes (${bytes} bytes) wait already, the limits ` +
      `are pendingMax ${pendingMax} and pendingBytesMax ${pendingBytesMax}: await earlier ` +
      "publishes first",
    { details: { type, waiting: count, waitingBytes: bytes, pendingMax, pendingBytesMax } },
  );
}

/** The rejection of a publish whose signal fired; "definite" while nothing was handed over. */
export function abortError(type: string, certainty: Certainty, reason: unknown): SpillwayError {
  const state =
    certainty === "definite"
      ? "it was not stored"
      : "it was under way and may be stored; repeat with the same id to be sure";
  return new SpillwayError("ABORTED", `publishing '${type}' was aborted: ${state}`, {
    certainty,
    cause: reason,
    details: { type },
  });
}

function errorOf(
  code: ErrorCode,
  message: string,
  options: ConstructorParameters<typeof SpillwayError>[2],
): SpillwayError {
  if (code === "CLOSED") return new ClosedError(message, options);
  if (code === "BACK_PRESSURE") return new BackPressureError(message, options);
  return new SpillwayError(code, message, options);
}
