// Errors as problem documents (RFC 9457): one table from error codes to HTTP status codes. Always
// true: a client learns whether to try again, and never the inside of the service.
import type { ErrorCode } from "../errors/error-codes.ts";
import { SpillwayError, ValidationError } from "../errors/spillway-error.ts";
import type { HttpAnswer } from "./http-call.ts";

/** Seconds after which a client may try again what was refused for now. */
const retryAfterSeconds = "1";

const titles = {
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  410: "Gone",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const;

/** The status codes of problems. */
export type ProblemStatus = keyof typeof titles;

const statusOfCode: Partial<Record<ErrorCode, ProblemStatus>> = {
  VALIDATION_FAILED: 400,
  MESSAGE_TOO_LARGE: 413,
  ID_REUSED: 422,
  CLOSED: 503,
};

/** A problem document; `more` are further members, `headers` further headers. */
export function problem(
  status: ProblemStatus,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  return {
    status,
    headers: {
      "content-type": "application/problem+json",
      ...(status === 503 && { "retry-after": retryAfterSeconds }),
      ...headers,
    },
    body: { type: "about:blank", title: titles[status], status, detail, ...more },
  };
}

/** The answer to a request that could not be accepted; anything unforeseen is a bare 500. */
export function problemOf(error: unknown): HttpAnswer {
  if (error instanceof ValidationError) {
    const { code, issues } = error;
    return problem(400, "the data does not fit its schema", { code, issues });
  }
  if (!(error instanceof SpillwayError)) return problem(500, "the request could not be accepted");
  const { code } = error;
  const status = statusOfCode[code] ?? (error.retryable ? 503 : 500);
  return problem(status, detailOf(error, status), { code });
}

function detailOf(error: SpillwayError, status: ProblemStatus): string {
  if (status === 413) return "the data is larger than a message may be";
  if (status === 422) return "this idempotency key was used for other data: use a new key";
  if (status === 500) return "the request could not be accepted";
  return error.certainty === "indefinite"
    ? "it is not known whether the request was stored: repeat it with the same idempotency key"
    : "the request was not accepted, try again";
}
