// A plugin for Fastify. Knows nothing of routes. The members of Fastify that it uses are described
// here, so that nobody needs Fastify who does not use it.
import { type Answerer, notFound } from "./fetch-adapter.ts";
import type { HttpCall } from "./http-call.ts";
import { requestsSegment } from "./status-address.ts";

interface FastifyRequestLike {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: unknown;
}

interface FastifyReplyLike {
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  send(body?: unknown): unknown;
  readonly raw: {
    once(event: "close", listener: () => void): unknown;
    off(event: "close", listener: () => void): unknown;
  };
}

/** What the plugin needs of a Fastify instance. */
export interface FastifyLike {
  readonly prefix: string;
  route(options: {
    method: string[];
    url: string;
    handler: (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown>;
  }): unknown;
}

/** A plugin for `app.register()`, with or without a prefix. */
export type FastifyPlugin = (app: FastifyLike) => Promise<void>;

/** The plugin for these paths. Fastify parses bodies and bounds them (`bodyLimit`). */
export function fastifyPluginOf(answer: Answerer, paths: readonly string[]): FastifyPlugin {
  return async (app) => {
    const handler = async (request: FastifyRequestLike, reply: FastifyReplyLike) => {
      const gone = new AbortController();
      const leave = (): void => gone.abort();
      reply.raw.once("close", leave);
      const found = (await answer(callOf(app, request, gone.signal))) ?? notFound();
      reply.raw.off("close", leave);
      reply.code(found.status);
      reply.header("content-type", "application/json");
      for (const [name, value] of Object.entries(found.headers ?? {})) reply.header(name, value);
      return reply.send(found.body === undefined ? "" : JSON.stringify(found.body));
    };
    for (const path of paths) {
      app.route({ method: ["POST"], url: path, handler });
      app.route({ method: ["GET"], url: `${path}${requestsSegment}:request`, handler });
    }
  };
}

function callOf(app: FastifyLike, request: FastifyRequestLike, signal: AbortSignal): HttpCall {
  const path = request.url.split("?", 1)[0] ?? "/";
  return {
    method: request.method,
    path: path.slice(app.prefix.length),
    mount: app.prefix,
    header: (name) => {
      const value = request.headers[name];
      return typeof value === "string" || value === undefined ? value : value.join(", ");
    },
    readBody: async () => ({ type: "parsed", data: request.body }),
    signal,
  };
}
