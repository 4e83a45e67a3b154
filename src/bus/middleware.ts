// Middleware that users write. It runs inside all guarantees: it can look, change, slow down and
// refuse, but never settle. The list keeps array order; the first is the outermost.
import { isOutgoingMessage } from "../contracts/event.ts";
import type { OutgoingMessage } from "../contracts/contract.ts";
import type { ConsumeMiddleware } from "../delivery/handler-context.ts";
import { SpillwayError } from "../errors/spillway-error.ts";

/**
 * Sees every message before it is validated: what `bus.publish` and `publishMany` are given, what
 * handlers return and pass to `context.publish`. Returns another one to replace it
 * (`message.contract.message(data, options)`), nothing to let it pass, throws to refuse it.
 */
export type PublishMiddleware = (
  message: OutgoingMessage,
) => OutgoingMessage | void | Promise<OutgoingMessage | void>;

/** One entry of createBus({ use }): made by onConsume() or onPublish(). */
export type Middleware =
  | { readonly kind: "consume"; readonly run: ConsumeMiddleware }
  | { readonly kind: "publish"; readonly run: PublishMiddleware };

/**
 * Middleware around every handler call. It calls `next()` once, which calls what is inside and
 * resolves to what the handler returned. What it returns itself is ignored; an error thrown here
 * counts as the handler's.
 *
 * @example
 * import { createBus, onConsume } from "spillway";
 * import { memory } from "spillway/memory";
 * const seen: string[] = [];
 * const audit = onConsume(async (message, _context, next) => {
 *   seen.push(message.type);
 *   return next();
 * });
 * await using bus = await createBus({ name: "billing", transport: memory(), use: [audit] });
 */
export function onConsume(run: ConsumeMiddleware): Middleware {
  return { kind: "consume", run };
}

/**
 * Middleware in front of every message that is published.
 *
 * @example
 * import { createBus, onPublish } from "spillway";
 * import { memory } from "spillway/memory";
 * const stamp = onPublish((message) =>
 *   message.contract.message(message.data, { ...message.options, extensions: { region: "eu" } }),
 * );
 * await using bus = await createBus({ name: "billing", transport: memory(), use: [stamp] });
 */
export function onPublish(run: PublishMiddleware): Middleware {
  return { kind: "publish", run };
}

/**
 * What becomes of one message in the publish middleware; a promise only where one of it is async.
 */
export function passThrough(
  chain: readonly PublishMiddleware[],
  message: OutgoingMessage,
  start = 0,
): OutgoingMessage | Promise<OutgoingMessage> {
  let current = message;
  for (let index = start; index < chain.length; index++) {
    const result = (chain[index] as PublishMiddleware)(current);
    if (result instanceof Promise) {
      const before = current;
      return result.then((replaced) => passThrough(chain, chosen(before, replaced), index + 1));
    }
    current = chosen(current, result);
  }
  return current;
}

function chosen(message: OutgoingMessage, result: OutgoingMessage | void): OutgoingMessage {
  if (result === undefined) return message;
  if (isOutgoingMessage(result)) return result;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `onPublish middleware returned something for '${message.contract.type}' that is no message: ` +
      "return message.contract.message(data, options), or nothing",
  );
}
