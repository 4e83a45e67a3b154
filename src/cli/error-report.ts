// How an error is told: what failed, what to do about it, and the stack only when asked for. It
// decides nothing about exit codes.
import { inspect } from "node:util";
import { errorCodes } from "../errors/error-codes.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { printable, type Style } from "./terminal/ansi.ts";
import { UsageError } from "./usage-error.ts";

/** The report of an error: text for people, or one line of JSON. Ends with a line break. */
export function reportError(
  error: unknown,
  options: { readonly json: boolean; readonly verbose: boolean; readonly style: Style },
): string {
  const code = error instanceof SpillwayError ? error.code : "UNEXPECTED";
  const message = error instanceof Error ? error.message : String(error);
  const remedy = remedyOf(error);
  if (options.json) {
    const details = error instanceof SpillwayError ? { details: error.details } : {};
    const stack = options.verbose ? { stack: inspect(error) } : {};
    return `${JSON.stringify({ error: { code, message, remedy, ...details, ...stack } })}\n`;
  }
  const head = options.style.red(`spillway: ${code}:`);
  const stack = options.verbose ? `${inspect(error)}\n` : "";
  return `${head} ${printable(message)}\n  ${options.style.dim(remedy)}\n${stack}`;
}

function remedyOf(error: unknown): string {
  if (error instanceof UsageError) {
    const name = error.command === undefined ? "" : `${error.command} `;
    return `See: spillway ${name}--help`;
  }
  if (error instanceof SpillwayError) return errorCodes[error.code].remedy;
  return "This should not happen: run it again with --verbose and report what it prints.";
}
