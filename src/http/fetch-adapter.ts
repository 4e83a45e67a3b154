// Web-standard requests and responses. Knows nothing of routes.
import type { CallBody, HttpAnswer, HttpCall } from "./http-call.ts";
import { problem, problemOf } from "./problems.ts";

/** Answers a call, or says that its path is somebody else's. */
export type Answerer = (call: HttpCall) => Promise<HttpAnswer | undefined>;

/** The response to a request; never rejects. */
export async function answerFetch(answer: Answerer, request: Request): Promise<Response> {
  const found = await answer(callOf(request)).catch(problemOf);
  const { status, headers, body } = found ?? notFound();
  const isEmpty = body === undefined || request.method === "HEAD";
  return new Response(isEmpty ? null : JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

/** The answer to a path that nobody knows. */
export function notFound(): HttpAnswer {
  return problem(404, "there is nothing at this address");
}

function callOf(request: Request): HttpCall {
  return {
    method: request.method,
    path: new URL(request.url).pathname,
    mount: "",
    header: (name) => request.headers.get(name) ?? undefined,
    readBody: (bytesMax) => readBody(request.body, bytesMax),
    signal: request.signal,
  };
}

/** Reads at most so many bytes, and no more of a body that has more. */
export async function readBody(
  stream: AsyncIterable<Uint8Array> | null,
  bytesMax: number,
): Promise<CallBody> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) return { type: "too-large" };
    chunks.push(chunk);
  }
  return { type: "text", text: Buffer.concat(chunks).toString("utf8") };
}
