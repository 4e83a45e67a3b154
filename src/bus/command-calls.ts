// The calls of a bus that have to do with commands, with what each promises. Words only;
// bus-commands.ts implements them.
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyContract, OutgoingMessage } from "../contracts/contract.ts";
import type { StateSchemas } from "../delivery/handler-context.ts";
import type { DataOf, OutcomeOf } from "../requests/outcome.ts";
import type { RequestOptions } from "../requests/request-options.ts";
import type {
  GatheredOf,
  GatherOptions,
  ReplyNameOf,
  ScatteredOf,
  ScatterOptions,
} from "../requests/scatter-outcome.ts";
import type { AggregateHandler, AggregateOptions, Aggregation } from "./aggregation.ts";
import type {
  CommandHandler,
  HandleOptions,
  RepliesOptions,
  ReplyHandler,
} from "./command-handler.ts";
import type { PublishOptions } from "./publish-options.ts";
import type { Receipt } from "./receipt.ts";
import type { Subscription } from "./subscription.ts";

/** Sending, handling and requesting commands; part of every Bus. */
export interface CommandCalls {
  /**
   * Sends a command to the one service that handles it, as a message like any other; resolves when
   * it is durable. Nobody waits for a reply: with `replyTo` it goes to that channel. Rejects with
   * what publish() rejects with.
   *
   * @example
   * import { createBus, defineCommand } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const Pack = defineCommand("parcel.pack", { data: z.object({ id: z.string() }), replies: {} });
   * await using bus = await createBus({ name: "depot", transport: memory() });
   * const receipt = await bus.send(Pack, { id: "7" });
   * console.log(receipt.channel); // parcel.pack
   */
  send<const Command extends AnyCommand>(
    command: Command,
    data: DataOf<Command>,
    options?: PublishOptions,
  ): Promise<Receipt>;

  /**
   * Handles a command: a subscription of one group, whose members share the work. The handler
   * returns one of the command's replies, alone or first in a list with messages; all of it becomes
   * durable together with the acknowledgement. A request whose handler fails for good is answered
   * with `failed`, one that came too late with `expired`. Rejects as subscribe() does.
   *
   * @example
   * import { createBus, defineCommand } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const Reserve = defineCommand("stock.reserve", {
   *   data: z.object({ sku: z.string() }),
   *   replies: { reserved: z.object({ left: z.int() }), outOfStock: z.object({}) },
   * });
   * await using bus = await createBus({ name: "stock", transport: memory() });
   * await bus.handle(Reserve, async () => Reserve.replies.reserved({ left: 3 }));
   */
  handle<const Command extends AnyCommand, const State extends StateSchemas = Record<never, never>>(
    command: Command,
    options: HandleOptions<State>,
    handler: CommandHandler<Command, State>,
  ): Promise<Subscription<State>>;
  handle<const Command extends AnyCommand>(
    command: Command,
    handler: CommandHandler<Command, Record<never, never>>,
  ): Promise<Subscription>;

  /**
   * Asks whoever handles a command and resolves with the outcome: one of the command's replies, or
   * `timeout`, `failed`, `expired`, `unhandled`. Rejects only where it could not be asked or not be
   * awaited: what publish() rejects with, ABORTED, CLOSED, BACK_PRESSURE, and
   * REQUEST_INSIDE_HANDLER for a request inside a handler that has no `id`.
   *
   * @example
   * import { createBus, defineCommand } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const Reserve = defineCommand("stock.reserve", {
   *   data: z.object({ sku: z.string() }),
   *   replies: { reserved: z.object({ left: z.int() }), outOfStock: z.object({}) },
   * });
   * await using bus = await createBus({ name: "stock", transport: memory() });
   * await bus.handle(Reserve, async () => Reserve.replies.reserved({ left: 3 }));
   * const outcome = await bus.request(Reserve, { sku: "a" }, { timeoutMs: 5_000 });
   * if (outcome.type === "reserved") console.log(outcome.data.left); // 3
   */
  request<const Command extends AnyCommand>(
    command: Command,
    data: DataOf<Command>,
    options?: RequestOptions,
  ): Promise<OutcomeOf<Command>>;

  /**
   * Asks every service that handles a command, and gathers their answers until all have answered,
   * `quorum` replies have come, or time is up. What came is in `parts`, who had not answered in
   * `missing`. Rejects as request() does.
   *
   * @example
   * import { createBus, defineCommand } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const Quote = defineCommand("freight.quote", {
   *   data: z.object({ kg: z.int() }),
   *   replies: { offered: z.object({ cents: z.int() }), declined: z.object({}) },
   * });
   * await using bus = await createBus({ name: "shop", transport: memory() });
   * await bus.handle(Quote, { group: "by-road" }, () => Quote.replies.offered({ cents: 900 }));
   * await bus.handle(Quote, { group: "by-air" }, () => Quote.replies.offered({ cents: 4_200 }));
   * const { parts } = await bus.scatter(Quote, { kg: 3 }, { timeoutMs: 2_000 });
   * const offers = parts.flatMap(({ outcome }) => {
   *   return outcome.type === "offered" ? [outcome.data.cents] : [];
   * });
   * console.log(Math.min(...offers)); // 900
   */
  scatter<const Command extends AnyCommand>(
    command: Command,
    data: DataOf<Command>,
    options?: ScatterOptions<ReplyNameOf<Command>>,
  ): Promise<ScatteredOf<Command>>;

  /**
   * Asks several questions at once, of one command or of several, and gathers their outcomes, in
   * the order of the questions, until all are there, `quorum` replies have come, or time is up:
   * what is divided into parts and put together again. Rejects as request() does; what was asked
   * before may be handled then.
   *
   * @example
   * import { createBus, defineCommand } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const Count = defineCommand("text.count", {
   *   data: z.object({ text: z.string() }),
   *   replies: { counted: z.object({ words: z.int() }) },
   * });
   * await using bus = await createBus({ name: "library", transport: memory() });
   * await bus.handle(Count, ({ data }) =>
   *   Count.replies.counted({ words: data.text.split(" ").length }),
   * );
   * const pages = ["one two", "three"].map((text) => Count.message({ text }));
   * const { parts } = await bus.gather(pages, { timeoutMs: 2_000 });
   * const words = parts.map((part) => (part.type === "counted" ? part.data.words : 0));
   * console.log(words); // [ 2, 1 ]
   */
  gather<const Requests extends readonly OutgoingMessage<AnyCommand>[]>(
    requests: Requests,
    options?: GatherOptions,
  ): Promise<GatheredOf<Requests>>;

  /**
   * Receives the answers to commands sent with `replyTo`, as long as it takes: a subscription of
   * the reply channel, whose group goes on where it stopped, so that a service that was killed gets
   * every answer. With `delivery: "effectively-once"` what the handler changes through its context
   * exists once an answer. Rejects as subscribe() does.
   *
   * @example
   * import { createBus, defineCommand } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const Reserve = defineCommand("stock.reserve", {
   *   data: z.object({ sku: z.string() }),
   *   replies: { reserved: z.object({ left: z.int() }), outOfStock: z.object({}) },
   * });
   * await using bus = await createBus({ name: "shop", transport: memory() });
   * await bus.handle(Reserve, async () => Reserve.replies.reserved({ left: 3 }));
   * await bus.replies(Reserve, { replyTo: "shop.answers" }, async (reply) => {
   *   if (reply.type === "reserved") console.log(reply.requestId, reply.data.left); // order 7 3
   * });
   * await bus.send(Reserve, { sku: "a" }, { id: "order 7", replyTo: "shop.answers" });
   */
  replies<
    const Command extends AnyCommand,
    const State extends StateSchemas = Record<never, never>,
  >(
    command: Command,
    options: RepliesOptions<State>,
    handler: ReplyHandler<Command, State>,
  ): Promise<Subscription<State>>;

  /**
   * Scatter and gather that outlives its process. A message of `start` leads to questions (`ask`);
   * they go out in the unit that acknowledges it. Answers are kept in the journal, and when all
   * have come, `quorum` replies have, or `timeoutMs` are over, the handler is called: once for each
   * such message, in the unit that stores what it returns, whoever was killed meanwhile. Answers
   * that come later are counted (`late` in bus.stats()). Rejects as subscribe() does.
   *
   * @example
   * import { createBus, defineCommand, defineEvent } from "spillway";
   * import { memory } from "spillway/memory";
   * import { z } from "zod";
   * const OrderPlaced = defineEvent("order.placed", {
   *   data: z.object({ id: z.string(), skus: z.array(z.string()) }),
   * });
   * const Reserve = defineCommand("stock.reserve", {
   *   data: z.object({ sku: z.string() }),
   *   replies: { reserved: z.object({}), outOfStock: z.object({}) },
   * });
   * await using bus = await createBus({ name: "shop", transport: memory() });
   * await bus.handle(Reserve, async () => Reserve.replies.reserved({}));
   * await bus.aggregate(
   *   OrderPlaced,
   *   {
   *     name: "reservation",
   *     commands: [Reserve],
   *     ask: (order) => order.data.skus.map((sku) => Reserve.message({ sku })),
   *     keep: (order) => order.data.id,
   *     timeoutMs: 60_000,
   *   },
   *   async ({ kept, parts }) => {
   *     const reserved = parts.filter(({ outcome }) => outcome.type === "reserved");
   *     console.log(kept, reserved.length); // 7 2
   *   },
   * );
   * await bus.publish(OrderPlaced, { id: "7", skus: ["a", "b"] });
   */
  aggregate<
    const Start extends AnyContract,
    const Commands extends readonly AnyCommand[],
    Kept = undefined,
    const State extends StateSchemas = Record<never, never>,
  >(
    start: Start,
    options: AggregateOptions<Start, Commands, Kept, State>,
    handler: AggregateHandler<Commands, Kept, State>,
  ): Promise<Aggregation<State>>;
}
