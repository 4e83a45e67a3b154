// The bus as its users see it: the one interface, with what each call promises. running-bus.ts
// implements it; this file owns the words.
import type { MessageOf } from "../contracts/contract.ts";
import type { EventContract } from "../contracts/event.ts";
import type { InputOf, StandardSchema } from "../contracts/standard-schema.ts";
import type { StateSchemas } from "../delivery/handler-context.ts";
import type { BatchHandlerOf, SubscribeBatchOptions } from "./batch-subscription.ts";
import type { DeadLetterOptions, DeadLetters } from "../recovery/redrive/letter-desk.ts";
import type { Explanation, MessageReference } from "../flow/explain/explanation.ts";
import type { ScalingSnapshot } from "../flow/scaling/scaling-snapshot.ts";
import type { BusStats } from "./bus-stats.ts";
import type { CommandCalls } from "./command-calls.ts";
import type { HandlerOf } from "./subscription-handler.ts";
import type { Delivery } from "./held-delivery.ts";
import type { PublishManyOptions, PublishOptions } from "./publish-options.ts";
import type { ReadOptions } from "./read-messages.ts";
import type { Receipt } from "./receipt.ts";
import type { SchedulingCalls } from "./scheduling-calls.ts";
import type { Selectable } from "./selection.ts";
import type { MessagesOptions, SubscribeOptions } from "./subscribe-options.ts";
import type { Subscription } from "./subscription.ts";

/** How a bus feels: "degraded" works with limits, "failed" does not work. */
export interface BusHealth {
  readonly status: "ok" | "degraded" | "failed";
  /** One line per reason, for people. */
  readonly reasons: readonly string[];
}

/**
 * Publishes, subscribes and reads; made by createBus(). Closing it, or the end of its `await using`
 * block, drains it first.
 */
export interface Bus extends CommandCalls, SchedulingCalls, AsyncDisposable {
  /** The name it was created with. */
  readonly name: string;

  /**
   * Which history of its messages the transport holds: a journal restored from a backup is another
   * one, in which the same offsets may be other messages. Keep it with every offset that you keep,
   * and give both (`from: { offset, incarnation }`): INCARNATION_CHANGED says that they no longer
   * fit. Undefined where the transport cannot tell.
   */
  readonly incarnation: string | undefined;

  /**
   * Publishes one event. Resolves when it is durable. Publishes of the same turn share one write,
   * so gather promises instead of awaiting one by one where many are to be stored.
   *
   * Rejects, all "definite" (not stored) unless said: VALIDATION_FAILED, INVALID_ARGUMENT,
   * MESSAGE_TOO_LARGE, BACK_PRESSURE (too many wait), ID_REUSED, UNSUPPORTED, CLOSED, ABORTED (its
   * certainty says which), PUBLISH_INSIDE_HANDLER, and what the transport reports ("indefinite"
   * where it cannot know; repeat with the same id to be sure).
   *
   * @example
   * import { createBus, defineEvent } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const OrderPlaced = defineEvent("order.placed", { data: z.object({ id: z.string() }) });
   * await using bus = await createBus({ name: "shop", transport: memory() });
   * const receipt = await bus.publish(OrderPlaced, { id: "7" });
   * console.log(receipt.channel, receipt.offset); // order.placed 0
   */
  publish<Schema extends StandardSchema>(
    contract: EventContract<string, number, Schema>,
    data: InputOf<Schema>,
    options?: PublishOptions,
  ): Promise<Receipt>;

  /**
   * Publishes many events of one contract, in order, and resolves with one receipt each when all
   * are durable. Takes elements only while there is room, so the source may be of any length; what
   * it keeps is one receipt an element. Not atomic: at the first element that fails it takes no
   * more, waits for those before, and rejects naming the index; `details.stored` says how many are
   * stored, all but a failed append's before `details.index`.
   *
   * @example
   * import { createBus, defineEvent } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const Measured = defineEvent("sensor.measured", { data: z.object({ c: z.number() }) });
   * await using bus = await createBus({ name: "plant", transport: memory() });
   * const receipts = await bus.publishMany(Measured, [{ c: 20.5 }, { c: 21 }]);
   * console.log(receipts.length); // 2
   */
  publishMany<Schema extends StandardSchema>(
    contract: EventContract<string, number, Schema>,
    data: Iterable<InputOf<Schema>> | AsyncIterable<InputOf<Schema>>,
    options?: PublishManyOptions,
  ): Promise<readonly Receipt[]>;

  /**
   * Calls `handler` for every message of a contract, of several contracts of one channel, or of a
   * channel. Groups are independent: each gets every message; subscriptions of one group share
   * them. What the handler returns is published in the unit that acknowledges the message. A
   * handler that throws is called again later (`retry`), then the message goes to
   * `<channel>.dead-letters`; data or a type that cannot be understood to `<channel>.invalid`.
   *
   * Rejects with UNSUPPORTED, GROUP_CONFLICT, CONTRACT_CONFLICT, CHANNEL_CONFLICT,
   * INVALID_ARGUMENT, INVALID_NAME, ABORTED or CLOSED.
   *
   * @example
   * import { createBus, defineEvent } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const OrderPlaced = defineEvent("com.acme.order.placed", {
   *   data: z.object({ id: z.string(), cents: z.int() }),
   *   key: (order) => order.id,
   * });
   * await using bus = await createBus({ name: "billing", transport: memory() });
   * await bus.subscribe(
   *   OrderPlaced,
   *   { delivery: "effectively-once", state: { totals: z.int() } },
   *   async (message, context) => {
   *     const before = (await context.state.totals.get("all")) ?? 0;
   *     await context.state.totals.set("all", before + message.data.cents);
   *   },
   * );
   */
  subscribe<
    const Selected extends Selectable,
    const State extends StateSchemas = Record<never, never>,
  >(
    selection: Selected,
    options: SubscribeOptions<State>,
    handler: HandlerOf<Selected, State>,
  ): Promise<Subscription<State>>;
  subscribe<const Selected extends Selectable>(
    selection: Selected,
    handler: HandlerOf<Selected, Record<never, never>>,
  ): Promise<Subscription>;

  /**
   * Calls `handler` with batches: up to `messagesMax` messages, each with a context of its own.
   * Where it throws, the batch is split in halves until the message at fault is alone: that one is
   * retried or set aside as in subscribe(), alone from then on; all others commit. With order by
   * key a batch holds at most one message of a key.
   *
   * @example
   * import { createBus, defineEvent } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const Measured = defineEvent("sensor.measured", { data: z.object({ c: z.number() }) });
   * await using bus = await createBus({ name: "plant", transport: memory() });
   * const options = { batch: { messagesMax: 500, waitMs: 20 } };
   * await bus.subscribeBatch(Measured, options, async (items) => {
   *   console.log(items.map(({ message }) => message.data.c));
   * });
   * await bus.publishMany(Measured, [{ c: 20.5 }, { c: 21 }]);
   */
  subscribeBatch<
    const Selected extends Selectable,
    const State extends StateSchemas = Record<never, never>,
  >(
    selection: Selected,
    options: SubscribeBatchOptions<State>,
    handler: BatchHandlerOf<Selected, State>,
  ): Promise<Subscription<State>>;

  /**
   * The same as subscribe(), turned around: messages to take one by one and to settle by hand. At
   * most `concurrency` are fetched ahead. Leaving the loop closes the subscription; what was not
   * settled is delivered again to the group, at once and without counting an attempt.
   *
   * @example
   * import { createBus, defineEvent } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const OrderPlaced = defineEvent("order.placed", { data: z.object({ id: z.string() }) });
   * await using bus = await createBus({ name: "shop", transport: memory() });
   * await bus.publish(OrderPlaced, { id: "7" });
   * for await (const delivery of bus.messages(OrderPlaced, { group: "audit" })) {
   *   console.log(delivery.message.data.id); // 7
   *   await delivery.ack();
   *   break;
   * }
   */
  messages<const Selected extends Selectable>(
    selection: Selected,
    options?: MessagesOptions,
  ): AsyncIterable<Delivery<MessageOf<Selected>>>;

  /**
   * Reads stored messages without a group: nothing is settled, nobody else is affected. From the
   * beginning, an offset or a time, up to the end as of now, to `to`, or on and on with `follow`.
   * One log is read, that of normal priority where `priority` does not say otherwise. A message
   * that cannot be decoded ends the reading with its error, unless `onUnreadable` takes it.
   *
   * @example
   * import { createBus, defineEvent } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const OrderPlaced = defineEvent("order.placed", { data: z.object({ id: z.string() }) });
   * await using bus = await createBus({ name: "shop", transport: memory() });
   * await bus.publishMany(OrderPlaced, [{ id: "7" }, { id: "8" }]);
   * for await (const message of bus.read(OrderPlaced, { from: { offset: 1 } })) {
   *   console.log(message.offset, message.data.id); // 1 8
   * }
   */
  read<const Selected extends Selectable>(
    selection: Selected,
    options?: ReadOptions,
  ): AsyncIterable<MessageOf<Selected>>;

  /**
   * The dead letters of a selection: messages whose handling failed for good. Iterate over them,
   * count them by cause, redrive them. Without `standings`: those that nobody worked off yet.
   *
   * @example
   * import { createBus, defineEvent, Reject } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const OrderPlaced = defineEvent("order.placed", { data: z.object({ id: z.string() }) });
   * await using bus = await createBus({ name: "shop", transport: memory() });
   * let isMended = false;
   * await bus.subscribe(OrderPlaced, async () => {
   *   if (!isMended) throw new Reject("no stock");
   * });
   * await bus.publish(OrderPlaced, { id: "7" });
   * for await (const letter of bus.deadLetters(OrderPlaced, { follow: true })) {
   *   console.log(letter.group, letter.code); // shop REJECTED
   *   break;
   * }
   * isMended = true;
   * const redrive = await bus.deadLetters(OrderPlaced).redrive();
   * console.log((await redrive.finished).resolved); // 1
   */
  deadLetters(selection: Selectable, options?: DeadLetterOptions): DeadLetters;

  /** The messages of a selection that a subscriber could not understand; with the same tools. */
  invalidMessages(selection: Selectable, options?: DeadLetterOptions): DeadLetters;

  /**
   * Why a message waits for a group (default: the bus's name), or what became of it; see
   * Subscription.explain(). Also of groups that only other processes take part in: then it says
   * what is stored, and what it cannot know.
   */
  explain(
    selection: Selectable,
    reference: MessageReference,
    options?: { readonly group?: string },
  ): Promise<Explanation>;

  /** How the bus, its transport and its subscriptions feel. */
  health(): Promise<BusHealth>;

  /** Depth, lag, counters, latency and rates per channel and group. Rates: since the last call. */
  stats(): Promise<BusStats>;

  /**
   * The subscriptions of this bus whose pools scale themselves, by channel and group: how large
   * they are and should be, what comes and what waits. Plain JSON of a fixed shape, for an
   * autoscaler outside: serve it over HTTP, and have Kubernetes or KEDA read `processesWanted` or
   * `backlog`.
   *
   * @example
   * import { createBus, defineEvent } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const Placed = defineEvent("order.placed", { data: z.object({ id: z.string() }) });
   * await using bus = await createBus({ name: "billing", transport: memory() });
   * await bus.subscribe(Placed, { concurrency: { min: 1, max: 20 } }, async () => {});
   * const [pool] = (await bus.scaling()).pools;
   * console.log(pool?.current, pool?.processesWanted); // 1 1
   */
  scaling(): Promise<ScalingSnapshot>;

  /**
   * Stops fetching, lets running handlers finish, settles, stores what was published, then closes
   * the transport. Meanwhile only handlers may still publish. Idempotent. What has not finished
   * after `timeoutMs` (default: drainTimeoutMs) is redelivered; everything is closed all the same
   * and the promise rejects with DRAIN_DEADLINE.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}
