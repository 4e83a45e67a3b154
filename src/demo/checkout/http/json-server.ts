// A small HTTP server for JSON over loopback, on a port of its own choosing: every service of the
// demo that is called over HTTP has one. Always true: each request gets exactly one answer, also
// when its handler throws.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Only this machine reaches the demo. */
export const loopback = "127.0.0.1";
/** Most bytes of a request's or an answer's body. */
export const bodyBytesMax = 65_536;
/** Idle connections are closed by the caller, never under its feet by the server. */
const keepAliveMs = 120_000;

/** A request as a service sees it. */
export interface JsonRequest {
  readonly path: string;
  /** The idempotency key: the same for every repeat of a request; "" if there is none. */
  readonly key: string;
  readonly body: unknown;
  /** Whether the caller has hung up; nobody will read the answer. */
  isAbandoned(): boolean;
}

/** An answer. */
export interface JsonAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Answers a request. */
export type JsonHandler = (request: JsonRequest) => Promise<JsonAnswer>;

/** A listening server. */
export class JsonServer {
  readonly #server: Server;
  readonly #underWay = new Set<Promise<void>>();

  private constructor(handle: JsonHandler) {
    this.#server = createServer((request, response) => {
      const work = answer(request, response, handle)
        .catch(() => void response.destroy())
        .finally(() => this.#underWay.delete(work));
      this.#underWay.add(work);
    });
    this.#server.keepAliveTimeout = keepAliveMs;
  }

  /** Listens on a free port of the loopback interface. */
  static async listen(handle: JsonHandler): Promise<JsonServer> {
    const server = new JsonServer(handle);
    server.#server.listen(0, loopback);
    await once(server.#server, "listening");
    return server;
  }

  /** Where it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes no more connections, answers what it has, and resolves when all are closed. */
  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(
  incoming: IncomingMessage,
  response: ServerResponse,
  handle: JsonHandler,
): Promise<void> {
  const { key = "" } = { key: incoming.headers["idempotency-key"] };
  let result: JsonAnswer;
  try {
    const body = await readJson(incoming);
    const isAbandoned = (): boolean => response.destroyed;
    result = await handle({ path: incoming.url ?? "/", key: String(key), body, isAbandoned });
  } catch (error) {
    const status = error instanceof BadRequest ? 400 : 500;
    result = { status, body: { error: error instanceof Error ? error.message : String(error) } };
  }
  if (response.destroyed) return;
  const text = Buffer.from(JSON.stringify(result.body));
  response.writeHead(result.status, {
    "content-type": "application/json",
    "content-length": text.length,
  });
  await new Promise<void>((resolve) => {
    response.once("close", resolve);
    response.end(text, resolve);
  });
}

class BadRequest extends Error {}

/** Reads a whole body as JSON; rejects when it is too long, no JSON, or cut off. */
export async function readJson(stream: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new BadRequest(`a body has at most ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
  } catch {
    throw new BadRequest("the body is not JSON");
  }
}
