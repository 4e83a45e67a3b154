// One command over HTTP: accepts it, and says what became of it. Knows no server. Always true: 202
// is said only after the command is durable, and everything that can be refused is refused before.
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyMessage } from "../contracts/contract.ts";
import { parseTraceparent } from "../telemetry/trace-context.ts";
import type { AnyRouteOptions, HttpFacadeSettings } from "./accept-options.ts";
import type { CallBody, HttpAnswer, HttpCall } from "./http-call.ts";
import { CallbackAsked, type RequestCompletion } from "./index-contracts.ts";
import { problem, problemOf } from "./problems.ts";
import type { RequestIndex } from "./request-index.ts";
import {
  addressOfReceipt,
  placeOfAddress,
  type RequestPlace,
  requestsSegment,
} from "./status-address.ts";

const idempotencyKeyLengthMax = 255;
/** Seconds after which a client should ask again. */
const askAgainSeconds = "1";

/** What a route works with. */
export interface RequestRouteParts {
  readonly command: AnyCommand;
  readonly options: AnyRouteOptions;
  readonly settings: HttpFacadeSettings;
  readonly index: RequestIndex;
  /** The channel of the answers. */
  readonly replyTo: string;
}

/** A body that was read, or the problem with it. */
type Read = { readonly data: unknown } | { readonly problem: HttpAnswer };

/** The requests of one command. */
export class RequestRoute {
  readonly #parts: RequestRouteParts;

  constructor(parts: RequestRouteParts) {
    this.#parts = parts;
  }

  /** Whether a path is this route's. */
  matches(path: string): boolean {
    const own = this.#parts.options.path;
    return path === own || path.startsWith(own + requestsSegment);
  }

  /** Answers a call whose path is this route's; never rejects. */
  async answer(call: HttpCall): Promise<HttpAnswer> {
    try {
      if (call.path === this.#parts.options.path) {
        if (call.method === "POST") return await this.#accept(call);
        return methodProblem(call, "POST");
      }
      if (call.method === "GET" || call.method === "HEAD") return await this.#status(call);
      return methodProblem(call, "GET, HEAD");
    } catch (error) {
      return problemOf(error);
    }
  }

  async #accept(call: HttpCall): Promise<HttpAnswer> {
    const { command, options, settings, index, replyTo } = this.#parts;
    const { bus } = settings;
    const key = call.header("idempotency-key");
    if (key !== undefined && (key === "" || key.length > idempotencyKeyLengthMax)) {
      const detail = `the idempotency key has ${key.length} characters: use 1 to 255`;
      return problem(400, detail);
    }
    const callback = this.#callbackOf(call);
    if (callback !== undefined && !(callback instanceof URL)) return callback;
    const read = readJson(call, await call.readBody(settings.bodyBytesMax));
    if ("problem" in read) return read.problem;
    const data = options.data === undefined ? read.data : options.data(read.data, call);
    const tenant = options.tenant?.(call);
    const traceparent = traceparentOf(call);
    const receipt = await bus.send(command, data, {
      replyTo,
      ...(key !== undefined && { id: `${command.type}/${key}` }),
      ...(tenant !== undefined && { tenant }),
      ...(options.expiresInMs !== undefined && { expiresInMs: options.expiresInMs }),
      ...(traceparent !== undefined && { traceparent }),
    });
    if (callback !== undefined) {
      const asked = { requestId: receipt.id, url: callback.href };
      await bus.publish(CallbackAsked, asked, tenant === undefined ? {} : { tenant });
    }
    const address = call.mount + options.path + requestsSegment + addressOfReceipt(receipt);
    const waitMs = this.#waitMsOf(call) ?? options.waitMs ?? 0;
    const done = await index.wait({ requestId: receipt.id, tenant }, waitMs, call.signal);
    if (done !== undefined) return this.#completed(done, { "content-location": address });
    const headers = { location: address, "retry-after": askAgainSeconds };
    return { status: 202, headers, body: pending(receipt.id, address) };
  }

  async #status(call: HttpCall): Promise<HttpAnswer> {
    const { options, index } = this.#parts;
    const segment = call.path.slice(options.path.length + requestsSegment.length);
    const place = placeOfAddress(segment);
    const unknown = problem(404, "there is no request of this address");
    if (place === undefined) return unknown;
    const name = { requestId: place.requestId, tenant: options.tenant?.(call) };
    const known = await index.find(name);
    if (known !== undefined) return this.#completed(known, {});
    const message = await this.#stored(place, name.tenant);
    if (message === undefined) return unknown;
    const { keepMs, clock } = this.#parts.settings;
    if (message !== "not known" && message.timeMs + keepMs < clock.wallMs()) {
      return problem(410, "the outcome of this request is not kept any longer");
    }
    const done = await index.wait(name, this.#waitMsOf(call) ?? 0, call.signal);
    if (done !== undefined) return this.#completed(done, {});
    const body = pending(place.requestId, call.mount + call.path);
    return { status: 200, headers: { "retry-after": askAgainSeconds }, body };
  }

  /** The command at that place; undefined where there is none of that id and tenant. */
  async #stored(
    place: RequestPlace,
    tenant: string | undefined,
  ): Promise<AnyMessage | "not known" | undefined> {
    const { command, settings } = this.#parts;
    const { offset, priority, requestId } = place;
    if (offset === undefined) return "not known";
    const ignore = (): void => undefined;
    const options = { priority, onGap: ignore, onUnreadable: ignore };
    const range = { from: { offset }, to: { offset: offset + 1 } };
    for await (const message of settings.bus.read(command, { ...range, ...options })) {
      return message.id === requestId && message.tenant === tenant ? message : undefined;
    }
    return undefined;
  }

  #completed(completion: RequestCompletion, headers: Record<string, string>): HttpAnswer {
    const { answer } = this.#parts.options;
    const { requestId, outcome } = completion;
    if (answer !== undefined) {
      // It was stored as this outcome of this command.
      const given = answer(outcome as never);
      return { ...given, headers: { ...headers, ...given.headers } };
    }
    const isReply = outcome.type !== "failed" && outcome.type !== "expired";
    const status = isReply ? "completed" : outcome.type;
    return { status: 200, headers, body: { id: requestId, status, outcome } };
  }

  /** The address that wants to be called, or the problem with it. */
  #callbackOf(call: HttpCall): URL | HttpAnswer | undefined {
    const text = call.header("callback-url");
    if (text === undefined) return undefined;
    const { callback } = this.#parts.settings;
    if (callback === undefined) return problem(400, "callbacks are not offered here");
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const isWeb = url?.protocol === "https:" || url?.protocol === "http:";
    if (url === undefined || !isWeb) {
      return problem(400, "callback-url is no absolute http or https URL");
    }
    return callback.allow(url) ? url : problem(400, "this callback-url may not be called");
  }

  /** What the client prefers (RFC 7240, `wait`), within bounds. */
  #waitMsOf(call: HttpCall): number | undefined {
    const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})/i.exec(call.header("prefer") ?? "")?.[1];
    if (seconds === undefined) return undefined;
    return Math.min(Number(seconds) * 1_000, this.#parts.settings.waitMsMax);
  }
}

function traceparentOf(call: HttpCall): string | undefined {
  const traceparent = call.header("traceparent");
  return parseTraceparent(traceparent) === undefined ? undefined : traceparent;
}

function pending(id: string, address: string): unknown {
  return { id, status: "pending", href: address };
}

function methodProblem(call: HttpCall, allow: string): HttpAnswer {
  return problem(405, `${call.method} is not possible here`, {}, { allow });
}

function readJson(call: HttpCall, body: CallBody): Read {
  if (body.type === "too-large") return { problem: problem(413, "the body is too large") };
  if (body.type === "parsed") return { data: body.data };
  const contentType = call.header("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (!/^application\/(json|[^\s/]+\+json)$/.test(contentType)) {
    const shown = contentType === "" ? "missing" : `'${contentType}'`;
    return { problem: problem(415, `the content type is ${shown}: send application/json`) };
  }
  try {
    return { data: JSON.parse(body.text) as unknown };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { problem: problem(400, `the body is no JSON: ${why}`) };
  }
}
