// What the façade notes about requests: its events, the channel they lie in, and the rows that it
// makes of them. Always true: all events have the request's id as key, so that what is said of one
// request is handled in order.
import { defineChannel } from "../contracts/channel.ts";
import { defineEvent } from "../contracts/event.ts";
import type { StandardSchema } from "../contracts/standard-schema.ts";

/** How a request ended: a reply by its name, `failed` or `expired`. */
export interface CompletedOutcome {
  readonly type: string;
  /** Of a reply: its data. */
  readonly data?: unknown;
  /** Of `failed`: a code of the error table, as REJECTED. */
  readonly code?: string;
  /** Of `failed`: why, in words. */
  readonly reason?: string;
  /** Of `failed`: handler calls. */
  readonly attempts?: number;
}

/** What RequestCompleted says. */
export interface RequestCompletion {
  readonly requestId: string;
  /** The type of the command. */
  readonly command: string;
  readonly outcome: CompletedOutcome;
}

interface RequestNamed {
  readonly requestId: string;
}

interface CallbackWanted extends RequestNamed {
  readonly url: string;
}

/** What CallbackDue says: whom to call, and with what. */
export interface CallbackOwed extends RequestCompletion {
  readonly url: string;
}

/** What is known of a request: its outcome, or who wants to be called, or both. */
export interface RequestRow {
  readonly completion?: RequestCompletion;
  readonly callbackUrl?: string;
}

const keyed = <Data extends RequestNamed>(...texts: readonly (keyof Data)[]) => ({
  data: objectWith<Data>(texts),
  key: ({ requestId }: { readonly requestId: string }) => requestId,
});

/**
 * A request that was accepted over HTTP has its outcome.
 *
 * @example
 * import { createBus } from "spillway";
 * import { createHttpFacade, RequestCompleted } from "spillway/http";
 * import { memory } from "spillway/memory";
 * await using bus = await createBus({ name: "shop", transport: memory() });
 * await using facade = await createHttpFacade({ bus });
 * await bus.subscribe(RequestCompleted, { group: "mail" }, ({ data: { requestId, outcome } }) => {
 *   console.log(requestId, outcome.type);
 * });
 */
export const RequestCompleted = defineEvent(
  "spillway.http.request-completed",
  keyed<RequestCompletion>("requestId", "command"),
);

/** A client wants to be called when its request has an outcome. */
export const CallbackAsked = defineEvent(
  "spillway.http.callback-asked",
  keyed<CallbackWanted>("requestId", "url"),
);

/**
 * A client is to be called. Those that could not be called are its dead letters:
 * `bus.deadLetters(CallbackDue)`.
 *
 * @example
 * import { createBus } from "spillway";
 * import { CallbackDue, createHttpFacade } from "spillway/http";
 * import { memory } from "spillway/memory";
 * await using bus = await createBus({ name: "shop", transport: memory() });
 * await using facade = await createHttpFacade({ bus });
 * for await (const { envelope } of bus.deadLetters(CallbackDue)) console.log(envelope.id);
 */
export const CallbackDue = defineEvent(
  "spillway.http.callback-due",
  keyed<CallbackOwed>("requestId", "url", "command"),
);

/** The outcome of a request need not be kept any longer. */
export const RequestForgotten = defineEvent(
  "spillway.http.request-forgotten",
  keyed<RequestNamed>("requestId"),
);

/** The rows of the index. */
export const requestRowSchema: StandardSchema<RequestRow> = objectWith<RequestRow>([]);

/** The channel of a façade's events; `name` is that of the bus. */
export function indexChannelOf(name: string, keepDays: number) {
  return defineChannel(`${name}.http`, {
    messages: [RequestCompleted, CallbackAsked, CallbackDue, RequestForgotten],
    retention: { days: keepDays },
  });
}

/** Data that this folder wrote itself: an object in which these members are text. */
function objectWith<Data extends object>(texts: readonly (keyof Data)[]): StandardSchema<Data> {
  const validate = (value: unknown) => {
    const isObject = typeof value === "object" && value !== null;
    const data = value as Data;
    const wrong = isObject ? texts.find((name) => typeof data[name] !== "string") : "";
    if (wrong === undefined) return { value: data };
    return { issues: [{ message: "it is not what the façade writes", path: [wrong] }] };
  };
  return { "~standard": { version: 1, vendor: "spillway", validate } };
}
