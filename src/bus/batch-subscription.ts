// bus.subscribeBatch(): its options, its handler's type, and the subscription behind it, in which
// each message has a call of its own that waits for its batch. Wiring only.
import type { MessageOf } from "../contracts/contract.ts";
import type { Handler, HandlerContext, StateSchemas } from "../delivery/handler-context.ts";
import type { SequenceRules } from "../delivery/sequences/sequence-rules.ts";
import { assertKnownOptions, optionNames } from "../errors/known-options.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Flow } from "../flow/subscription-flow.ts";
import type { Clock } from "../kernel/clock.ts";
import { BatchCalls, type BatchHandler, type BatchItem } from "../recovery/batch-handler.ts";
import { assertDuration, assertInteger } from "./bus-options.ts";
import type { Selectable } from "./selection.ts";
import { concurrencyMax, type SubscribeOptions } from "./subscribe-options.ts";

/** How large a batch may get, and how long it waits for that. */
export interface BatchOptions {
  /** Most messages of one batch; 1,000 at most. */
  readonly messagesMax: number;
  /** How long the first message waits for others. Default 0: only for those at hand. */
  readonly waitMs?: number;
}

/**
 * Options of bus.subscribeBatch(). `concurrency`, here and in `flow`: batches at once, default 1.
 * Rates, fairness and ageing are of messages.
 */
export type SubscribeBatchOptions<State extends StateSchemas = StateSchemas> = Omit<
  SubscribeOptions<State>,
  "bulkhead" | "delivery" | "state" | "sequence" | "concurrency"
> & {
  /** Batches that are handled at once. Default 1. */
  readonly concurrency?: number;
  readonly batch: BatchOptions;
  /** Default "at-least-once"; "effectively-once" for `state`. */
  readonly delivery?: "at-least-once" | "effectively-once";
  /** Tables of each item's `context.state`; needs `delivery: "effectively-once"`. */
  readonly state?: State;
  /** As of bus.subscribe(), in each item's `context.sequence`; needs the same delivery. */
  readonly sequence?: SequenceRules;
};

/**
 * A handler of batches. It has handled all of a batch, or it throws; what is to be published goes
 * through the context of the message that causes it.
 */
export type BatchHandlerOf<Selected extends Selectable, State extends StateSchemas> = (
  items: readonly BatchItem<MessageOf<Selected>, HandlerContext<State>>[],
) => void | Promise<void>;

const knownBatch = optionNames<BatchOptions>({ messagesMax: true, waitMs: true });

/** The subscription behind it. */
export interface BatchSubscription {
  readonly options: SubscribeOptions;
  readonly handler: Handler;
  readonly messagesMax: number;
  /** From now on as many batches are called at once as this flow says. */
  follow(flow: Flow): void;
}

/** Checks the options and the handler. */
export function batchSubscriptionOf(
  options: SubscribeBatchOptions,
  handler: BatchHandler,
  clock: Clock,
): BatchSubscription {
  const { batch, concurrency = options.flow?.concurrency ?? 1, ...others } = options;
  if (typeof handler !== "function" || batch === undefined) {
    throw invalid("needs `batch: { messagesMax }` and a handler function as its last argument");
  }
  assertKnownOptions(batch, knownBatch, "batch", "subscribeBatch");
  const { messagesMax, waitMs = 0 } = batch;
  assertInteger("batch.messagesMax", messagesMax, 1, concurrencyMax);
  assertDuration("batch.waitMs", waitMs);
  if (typeof concurrency === "object") {
    throw invalid("cannot scale itself: give concurrency as a whole number, or use subscribe()");
  }
  assertInteger("concurrency", concurrency, 1, Math.floor(concurrencyMax / messagesMax));
  if (waitMs >= (options.timeoutMs ?? Number.POSITIVE_INFINITY)) {
    throw invalid(`waits ${waitMs} ms, which is all of timeoutMs: make batch.waitMs shorter`);
  }
  const { delivery } = options as { readonly delivery?: string };
  if (delivery === "at-most-once") {
    throw invalid('cannot split what "at-most-once" acknowledged: use another delivery');
  }
  let flow: Flow | undefined;
  const atOnce = (): number => flow?.settings.concurrency ?? concurrency;
  const calls = new BatchCalls({ clock, handler, messagesMax, waitMs, concurrency: atOnce });
  // Both at once are refused where the subscription is made.
  const own =
    options.flow === undefined
      ? { concurrency }
      : { concurrency: options.concurrency, flow: { ...options.flow, concurrency } };
  return {
    options: { ...others, ...own } as SubscribeOptions,
    handler: calls.handle,
    messagesMax,
    follow: (given) => {
      flow = given;
    },
  };
}

function invalid(what: string): SpillwayError {
  return new SpillwayError("INVALID_ARGUMENT", `subscribeBatch ${what}`);
}
