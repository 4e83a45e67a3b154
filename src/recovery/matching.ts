// The rules of an error policy: which errors, and what to do. Knows nothing of order or of running.
// Always true: matching never throws because of what was thrown; a predicate that throws does not
// match.
import { type ErrorAction, assertFollows } from "./actions.ts";
import { invalidPolicy } from "./bounds.ts";

/** A class whose errors a rule matches, its subclasses included. */
export type ErrorClass = abstract new (...args: never[]) => unknown;

/** Matches errors by their `code`: the library's own, those of Node, of the application. */
export interface CodeMatcher {
  readonly code: string;
}

/** Which errors a rule is for: a class, a code, or a function that says so. */
export type ErrorMatcher = ErrorClass | CodeMatcher | ((error: unknown) => boolean);

/** A rule for some errors. */
export interface WhenRule {
  readonly kind: "when";
  readonly matcher: ErrorMatcher;
  readonly action: ErrorAction;
}

/** The last rule of a policy. */
export interface OtherwiseRule {
  readonly kind: "otherwise";
  readonly action: ErrorAction;
}

const actionKinds = ["dead-letter", "discard", "park", "pause", "fallback", "retry"];

/**
 * A rule: what happens after errors of a class, with a code, or for which a function gives true.
 *
 * @example
 * import { deadLetter, discard, errorPolicy, otherwise, retry, when } from "spillway";
 * class StaleError extends Error {}
 * const errors = errorPolicy(
 *   when(StaleError, discard("newer data is known")),
 *   when({ code: "ECONNRESET" }, retry().then(deadLetter())),
 *   when((error) => String(error).includes("deadlock"), retry().then(deadLetter())),
 *   otherwise(deadLetter()),
 * );
 */
export function when(matcher: ErrorMatcher, action: ErrorAction): WhenRule {
  if (!isMatcher(matcher)) {
    throw invalidPolicy(
      `when: ${JSON.stringify(matcher)} matches nothing: give an error class, ` +
        '{ code: "…" } or a function of the error',
    );
  }
  assertFollows("when", action, actionKinds);
  return Object.freeze({ kind: "when", matcher, action });
}

/**
 * The last rule: what happens after all other errors.
 *
 * @example
 * import { deadLetter, errorPolicy, otherwise, retry } from "spillway";
 * const errors = errorPolicy(otherwise(retry().then(deadLetter())));
 */
export function otherwise(action: ErrorAction): OtherwiseRule {
  assertFollows("otherwise", action, actionKinds);
  return Object.freeze({ kind: "otherwise", action });
}

/** Whether the rule is for this error. */
export function isMatch(matcher: ErrorMatcher, error: unknown): boolean {
  try {
    if (isErrorClass(matcher)) return error instanceof matcher;
    if (typeof matcher === "function") return matcher(error);
    return (error as { readonly code?: unknown } | null | undefined)?.code === matcher.code;
  } catch {
    return false;
  }
}

/** Why a later matcher can never match because of an earlier one; undefined: it can. */
export function hiddenBy(later: ErrorMatcher, earlier: ErrorMatcher): string | undefined {
  if (later === earlier) return `${nameOf(later)} stands there before`;
  if (isErrorClass(later) && isErrorClass(earlier)) {
    const isBehindBase = later.prototype instanceof earlier;
    return isBehindBase ? `each ${later.name} is a ${earlier.name}` : undefined;
  }
  if (typeof later === "function" || typeof earlier === "function") return undefined;
  return later.code === earlier.code ? `the code '${later.code}' stands there before` : undefined;
}

/** A matcher, for people. */
export function nameOf(matcher: ErrorMatcher): string {
  if (typeof matcher === "function") return matcher.name || "a function without a name";
  return `code '${matcher.code}'`;
}

function isMatcher(matcher: unknown): boolean {
  if (typeof matcher === "function") return true;
  const { code } = (matcher ?? {}) as { readonly code?: unknown };
  return typeof code === "string" && code.length > 0;
}

/** Classes, and the constructors of errors that were written before there were classes. */
function isErrorClass(matcher: ErrorMatcher): matcher is ErrorClass {
  if (typeof matcher !== "function") return false;
  const prototype = Object.getOwnPropertyDescriptor(matcher, "prototype");
  return prototype?.writable === false || prototype?.value instanceof Error;
}
