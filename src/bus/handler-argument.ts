// Calls that take a handler last and may leave their options out.
import type { Handler } from "../delivery/handler-context.ts";
import { SpillwayError } from "../errors/spillway-error.ts";

/** Options and handler of such a call. Throws INVALID_ARGUMENT where there is no handler. */
export function handlerOf<Options extends object>(
  call: string,
  optionsOrHandler: Options | Handler,
  last: Handler | undefined,
): [Options, Handler] {
  const isShort = typeof optionsOrHandler === "function";
  const handler = isShort ? optionsOrHandler : last;
  if (typeof handler === "function") return [isShort ? ({} as Options) : optionsOrHandler, handler];
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `${call} needs a handler function as its last argument`,
  );
}
