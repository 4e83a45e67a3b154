// Calling a handler through its middleware, and reading what it returned. Knows nothing of units.
// Always true: middleware can add a failure, never hide one, and cannot replace the result.
import type { OutgoingMessage } from "../contracts/contract.ts";
import { isOutgoingMessage } from "../contracts/event.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { ConsumeMiddleware, Handler } from "./handler-context.ts";
import type { HandlerRun } from "./handler-run.ts";

/** Calls the handler inside its middleware; gives what the handler returned. */
export async function callThrough(
  middleware: readonly ConsumeMiddleware[],
  handler: Handler,
  run: HandlerRun,
  index = 0,
): Promise<unknown> {
  const outer = middleware[index];
  if (outer === undefined) return handler(run.message, run);
  let inner: Promise<unknown> | undefined;
  const next = (): Promise<unknown> => {
    if (inner !== undefined) {
      return Promise.reject(broken(run, "called next twice: call it once"));
    }
    inner = callThrough(middleware, handler, run, index + 1);
    // The error is reported below; middleware that does not wait must not end the process.
    inner.catch(() => undefined);
    return inner;
  };
  await outer(run.message, run, next);
  if (inner === undefined) throw broken(run, "returned without calling next: call it, or throw");
  return inner;
}

function broken(run: HandlerRun, what: string): SpillwayError {
  const { type } = run.message;
  return new SpillwayError("HANDLER_RESULT_INVALID", `middleware around '${type}' ${what}`);
}

/** The messages in what a handler returned; throws HANDLER_RESULT_INVALID for anything else. */
export function messagesOf(result: unknown, type: string): readonly OutgoingMessage[] {
  if (isOutgoingMessage(result)) return [result];
  if (!Array.isArray(result)) throw invalid(type, describe(result));
  const messages: OutgoingMessage[] = [];
  let fault: string | undefined;
  for (const [index, each] of (result as unknown[]).entries()) {
    if (isOutgoingMessage(each)) messages.push(each);
    else if (each !== undefined) fault ??= `a list with ${describe(each)} at ${index}`;
    // Nobody else waits for it; its rejection must not end the process.
    if (each instanceof Promise) each.catch(() => undefined);
  }
  if (fault !== undefined) throw invalid(type, fault);
  return messages;
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return `a ${typeof value}`;
  if (value instanceof Promise) return "a promise (return Promise.all of them)";
  return `an object (${value.constructor?.name ?? "without a prototype"})`;
}

function invalid(type: string, what: string): SpillwayError {
  return new SpillwayError(
    "HANDLER_RESULT_INVALID",
    `the handler of '${type}' returned ${what}: return Contract.message(data), a list of those, ` +
      "or nothing",
    { details: { type } },
  );
}
