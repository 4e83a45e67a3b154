// Calls a JsonServer through a pool of connections that are kept alive. Always true: a call ends
// within its time-out, waiting for a free connection included; what has ended holds no timer and no
// connection.
import { Agent, request } from "node:http";
import type { Clock } from "../../../kernel/clock.ts";
import { type JsonAnswer, loopback, readJson } from "./json-server.ts";

/** A call that was not answered in time: it may have had its effect, or may still have it. */
export class CallTimeout extends Error {}

/** A connection that was refused or broke: the call may have had its effect. */
export class CallBroken extends Error {}

/** One call. */
export interface JsonCall {
  readonly port: number;
  readonly path: string;
  readonly key: string;
  readonly body: unknown;
  readonly timeoutMs: number;
}

/** What a client needs. */
export interface JsonClientOptions {
  readonly clock: Clock;
  /** Most connections to one server at a time; further calls wait for one. */
  readonly connectionsMax: number;
}

/** A pool of connections. */
export class JsonClient {
  /** Calls that ended by their time-out. */
  timeouts = 0;
  /** Calls that are under way or wait for a connection. */
  pending = 0;
  readonly #clock: Clock;
  readonly #agent: Agent;

  constructor(options: JsonClientOptions) {
    this.#clock = options.clock;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connectionsMax });
  }

  /** Posts and reads the answer. Rejects with CallTimeout or CallBroken. */
  async post(call: JsonCall): Promise<JsonAnswer> {
    this.pending++;
    try {
      return await this.#post(call);
    } finally {
      this.pending--;
    }
  }

  /** Closes the connections; calls under way break. */
  close(): void {
    this.#agent.destroy();
  }

  #post(call: JsonCall): Promise<JsonAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<JsonAnswer>();
    const text = Buffer.from(JSON.stringify(call.body));
    const outgoing = request({
      host: loopback,
      port: call.port,
      path: call.path,
      method: "POST",
      agent: this.#agent,
      headers: {
        "content-type": "application/json",
        "content-length": text.length,
        ...(call.key !== "" && { "idempotency-key": call.key }),
      },
    });
    const cancel = this.#clock.after(call.timeoutMs, () => {
      this.timeouts++;
      reject(new CallTimeout(`${call.path} gave no answer within ${call.timeoutMs} ms`));
      outgoing.destroy();
    });
    const broken = (error: unknown): void => {
      reject(new CallBroken(`${call.path}: ${String(error)}`));
    };
    outgoing.once("response", (incoming) => {
      const status = incoming.statusCode ?? 0;
      readJson(incoming).then((body) => resolve({ status, body }), broken);
    });
    // Also after the answer: a connection may break at any time.
    outgoing.on("error", broken);
    outgoing.end(text);
    return promise.finally(cancel);
  }
}
