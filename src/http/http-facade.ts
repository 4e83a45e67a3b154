// The façade: routes of one bus, offered to any server. Wiring only: what a route does stands in
// request-route.ts, what a server needs in its adapter.
import type { Subscription } from "../bus/subscription.ts";
import type { AnyCommand } from "../contracts/command.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import {
  type AnyRouteOptions,
  assertRoute,
  facadeSettingsOf,
  type HttpFacadeOptions,
  type HttpFacadeSettings,
  type RouteOptions,
} from "./accept-options.ts";
import { makeCallbacks } from "./callbacks.ts";
import { type FastifyPlugin, fastifyPluginOf } from "./fastify-adapter.ts";
import { answerFetch } from "./fetch-adapter.ts";
import type { HttpAnswer, HttpCall } from "./http-call.ts";
import { answerNode, type NodeHandler } from "./node-adapter.ts";
import { problem } from "./problems.ts";
import { RequestIndex } from "./request-index.ts";
import { RequestRoute } from "./request-route.ts";

/** Commands over HTTP; made by createHttpFacade(). */
export interface HttpFacade extends AsyncDisposable {
  /**
   * Accepts a command: `POST <path>` stores it and answers 202 with the address of its status, at
   * once or, where the client prefers to wait (`Prefer: wait=5`), with the outcome if it comes in
   * time. `GET <path>/requests/<request>` gives the status. Rejects as bus.replies() does, and with
   * INVALID_ARGUMENT for a path that is taken.
   */
  accept<const Command extends AnyCommand>(
    command: Command,
    options: RouteOptions<Command>,
  ): Promise<void>;
  /** For servers that speak web-standard Request and Response. Never rejects. */
  readonly fetch: (request: Request) => Promise<Response>;
  /**
   * For `node:http` and Express-style servers: `createServer(facade.node)`, `app.use(facade.node)`.
   * A path that is none of its own goes to `next`, or is answered with 404 where there is none.
   */
  readonly node: NodeHandler;
  /** For Fastify: `app.register(facade.fastify)`, after the last accept(). */
  readonly fastify: FastifyPlugin;
  /** Lets everybody who waits go with the status, then stops receiving answers. Idempotent. */
  close(): Promise<void>;
}

/**
 * Puts an HTTP front before handlers of commands: the commonest first step from synchronous calls
 * to messages. A request is checked at once (400 with every fault), accepted with 202 when its
 * command is durable, and completed by whoever handles the command, whenever that is. The outcome
 * reaches the client by asking (`GET`, with `Prefer: wait=…` as a long poll), by a callback, or as
 * the event RequestCompleted for other services. A repeat with the same `Idempotency-Key` is one
 * request, for as long as the transport remembers ids. Several processes of one service may share
 * the load: any of them answers for all. Errors are problem documents (RFC 9457); preferences
 * follow RFC 7240.
 *
 * Rejects with INVALID_ARGUMENT, and as bus.subscribe() does; the transport must be able to keep
 * state. Close it before the bus.
 *
 * @example
 * import { createBus, defineCommand } from "spillway";
 * import { createHttpFacade } from "spillway/http";
 * import { memory } from "spillway/memory";
 * import { z } from "zod";
 * const PlaceOrder = defineCommand("shop.order.place", {
 *   data: z.object({ sku: z.string() }),
 *   replies: { placed: z.object({ order: z.string() }) },
 * });
 * await using bus = await createBus({ name: "shop", transport: memory() });
 * await bus.handle(PlaceOrder, async () => PlaceOrder.replies.placed({ order: "7" }));
 * await using facade = await createHttpFacade({ bus });
 * await facade.accept(PlaceOrder, { path: "/orders" });
 * const response = await facade.fetch(
 *   new Request("http://shop.example/orders", {
 *     method: "POST",
 *     headers: { "content-type": "application/json", prefer: "wait=5" },
 *     body: JSON.stringify({ sku: "a" }),
 *   }),
 * );
 * console.log(response.status); // 200
 */
export async function createHttpFacade(options: HttpFacadeOptions): Promise<HttpFacade> {
  const settings = facadeSettingsOf(options);
  const index = await RequestIndex.open(settings);
  try {
    const { bus, callback } = settings;
    const callbacks = callback && (await makeCallbacks(bus, callback));
    return new RunningFacade(settings, index, callbacks);
  } catch (error) {
    await index.close();
    throw error;
  }
}

class RunningFacade implements HttpFacade {
  readonly #settings: HttpFacadeSettings;
  readonly #index: RequestIndex;
  readonly #subscriptions: Subscription[];
  readonly #routes: RequestRoute[] = [];
  readonly #paths: string[] = [];
  #closing: Promise<void> | undefined;

  constructor(
    settings: HttpFacadeSettings,
    index: RequestIndex,
    callbacks: Subscription | undefined,
  ) {
    this.#settings = settings;
    this.#index = index;
    this.#subscriptions = callbacks === undefined ? [] : [callbacks];
  }

  readonly accept: HttpFacade["accept"] = async (
    command: AnyCommand,
    options: AnyRouteOptions,
  ): Promise<void> => {
    assertRoute(options);
    if (this.#paths.includes(options.path)) {
      const message = `HTTP façade: path '${options.path}' accepts a command already`;
      throw new SpillwayError("INVALID_ARGUMENT", `${message}: give each command its own path`);
    }
    this.#paths.push(options.path);
    const replyTo = `${this.#settings.bus.name}.http-replies`;
    this.#subscriptions.push(await this.#index.receive(command, replyTo));
    const parts = { command, options, settings: this.#settings, index: this.#index, replyTo };
    this.#routes.push(new RequestRoute(parts));
  };

  readonly #answer = async (call: HttpCall): Promise<HttpAnswer | undefined> => {
    if (this.#closing !== undefined) return problem(503, "the service is stopping");
    return this.#routes.find((route) => route.matches(call.path))?.answer(call);
  };

  readonly fetch = (request: Request): Promise<Response> => answerFetch(this.#answer, request);

  readonly node: NodeHandler = (request, response, next) => {
    void answerNode(this.#answer, request, response, next);
  };

  readonly fastify: FastifyPlugin = async (app) => fastifyPluginOf(this.#answer, this.#paths)(app);

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#index.close();
    await Promise.all(this.#subscriptions.map((each) => each.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
