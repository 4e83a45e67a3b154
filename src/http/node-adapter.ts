// Requests of node:http, as they are or with what Express-style frameworks add to them. Knows
// nothing of routes. The members that it uses are described here: no framework is imported.
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answerer, notFound, readBody } from "./fetch-adapter.ts";
import type { HttpAnswer, HttpCall } from "./http-call.ts";
import { problemOf } from "./problems.ts";

/** A handler for node:http, and a middleware for Express-style frameworks. Never throws. */
export type NodeHandler = (
  request: IncomingMessage & {
    /** Parsed already, by the framework. */
    readonly body?: unknown;
    /** Where the middleware is mounted. */
    readonly baseUrl?: string;
  },
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/** Answers a request, or hands it to `next`; never rejects. */
export async function answerNode(
  answer: Answerer,
  ...[request, response, next]: Parameters<NodeHandler>
): Promise<void> {
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  response.once("close", leave);
  const found = await answer(callOf(request, gone.signal)).catch(problemOf);
  response.off("close", leave);
  if (found === undefined && next !== undefined) return next();
  if (response.destroyed) return;
  send(found ?? notFound(), request, response);
}

function callOf(request: Parameters<NodeHandler>[0], signal: AbortSignal): HttpCall {
  const { url = "/", method = "GET", headers, baseUrl, body } = request;
  return {
    method,
    path: url.split("?", 1)[0] ?? "/",
    mount: baseUrl ?? "",
    header: (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    readBody: async (bytesMax) =>
      body === undefined ? readBody(request, bytesMax) : { type: "parsed", data: body },
    signal,
  };
}

function send(answer: HttpAnswer, request: IncomingMessage, response: ServerResponse): void {
  const { status, headers, body } = answer;
  const text = body === undefined ? "" : JSON.stringify(body);
  // What was not read of a refused body must not be taken for the next request.
  const rest = request.complete ? {} : { connection: "close" };
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...rest,
    ...headers,
  });
  response.end(request.method === "HEAD" ? undefined : text);
}
