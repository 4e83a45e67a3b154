// Validation: the one place that calls a validator. Synchronous validators stay synchronous; a
// validator that throws, rejects or answers nonsense counts as a fault of the data, so that no
// caller ever has to guess. Knows nothing of contracts or messages.
import type { ValidationIssue } from "../errors/spillway-error.ts";
import type { StandardIssue, StandardResult, StandardSchema } from "./standard-schema.ts";

/**
 * What `schema` says about `value`: the result, or a promise of it only where the validator is
 * asynchronous. Never throws and never rejects.
 */
export function validate(
  schema: StandardSchema,
  value: unknown,
): StandardResult<unknown> | Promise<StandardResult<unknown>> {
  let result: unknown;
  try {
    result = schema["~standard"].validate(value);
  } catch (error) {
    return failed(error);
  }
  if (isThenable(result)) return Promise.resolve(result).then(checked, failed);
  return checked(result);
}

/** The faults in the library's own form: paths joined with dots, "" for the data itself. */
export function toValidationIssues(issues: readonly StandardIssue[]): ValidationIssue[] {
  // Array.from, here and below: validators answer with subclasses of Array whose map() is odd.
  return Array.from(issues, (issue) => ({ path: pathOf(issue), message: messageOf(issue) }));
}

function pathOf(issue: Partial<StandardIssue> | null | undefined): string {
  const keys = Array.from(issue?.path ?? [], (step) =>
    typeof step === "object" ? step?.key : step,
  );
  return keys.map(String).join(".");
}

/** An issue is as foreign as its validator: any value may stand in its place. */
function messageOf(issue: Partial<StandardIssue> | null | undefined): string {
  return typeof issue?.message === "string" ? issue.message : "the validator gave no reason";
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** A validator is foreign code: an answer that is no result must not pass for valid data. */
function checked(result: unknown): StandardResult<unknown> {
  if (typeof result === "object" && result !== null) {
    const { issues } = result as { issues?: unknown };
    if (issues === undefined ? "value" in result : Array.isArray(issues)) {
      return result as StandardResult<unknown>;
    }
  }
  return {
    issues: [{ message: "the validator's answer has neither a value nor a list of issues" }],
  };
}

function failed(error: unknown): StandardResult<never> {
  const reason = error instanceof Error ? error.message : String(error);
  return { issues: [{ message: `the validator threw: ${reason}` }] };
}
