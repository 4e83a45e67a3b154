// How a service of the left side calls another one: in turn over its processes, with a time-out for
// each attempt, a few attempts with back-off and jitter, and a deadline over all of them. Every
// attempt carries the same idempotency key. Always true: it gives up by the deadline.
import type { ServiceName } from "../capacity.ts";
import type { JsonClient } from "../http/json-client.ts";
import type { JsonAnswer } from "../http/json-server.ts";
import type { Order } from "../orders/order.ts";
import type { Peers } from "../service-protocol.ts";
import type { TimeOuts } from "../time-outs.ts";
import { type Clock, delay } from "../../../kernel/clock.ts";
import type { Random } from "../../../kernel/random.ts";

/** Attempts of one call. */
export const attemptsMax = 3;
const pauseMsFirst = 50;
const pauseMsMax = 400;

/** No attempt got a usable answer: the call may or may not have had its effect. */
export class PeerUnavailable extends Error {}

/** One call, with all its attempts. */
interface PeerCall {
  readonly service: ServiceName;
  readonly path: string;
  readonly key: string;
  readonly body: object;
  /** Of one attempt. */
  readonly timeoutMs: number;
  /** Monotonic time by which all is over. */
  readonly deadlineMs: number;
}

/** Calls other services. */
export class PeerCaller {
  /** Attempts after the first ones. */
  retries = 0;
  #peers: Peers | undefined;
  #turn = 0;
  readonly #client: JsonClient;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #timeOuts: TimeOuts;

  constructor(client: JsonClient, clock: Clock, random: Random, timeOuts: TimeOuts) {
    this.#client = client;
    this.#clock = clock;
    this.#random = random;
    this.#timeOuts = timeOuts;
  }

  /** Learns who listens where. */
  meet(peers: Peers): void {
    this.#peers = peers;
  }

  /** Asks until there is a usable answer; its status. Rejects with PeerUnavailable. */
  async ask(
    service: "stock" | "payment" | "shipping",
    path: string,
    order: Order,
    deadlineMs: number,
  ): Promise<number> {
    const timeoutMs = this.#timeOuts[service];
    // One key for an order, the same for every service and every attempt.
    const call = { service, path, key: order.id, body: order, timeoutMs, deadlineMs };
    return (await this.#call(call)).status;
  }

  async #call(call: PeerCall): Promise<JsonAnswer> {
    let reason = "there was no time left";
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      if (attempt > 1) {
        await this.#pause(attempt, call.deadlineMs);
        this.retries++;
      }
      const leftMs = call.deadlineMs - this.#clock.monotonicMs();
      if (leftMs <= 0) break;
      const result = await this.#attempt(call, Math.min(leftMs, call.timeoutMs));
      if (typeof result === "object") return result;
      reason = result;
    }
    throw new PeerUnavailable(`${call.service}${call.path}: ${reason}`);
  }

  /** The answer, or why it is none. */
  async #attempt(call: PeerCall, timeoutMs: number): Promise<JsonAnswer | string> {
    const ports = this.#peers?.[call.service] ?? [];
    const port = ports[this.#turn++ % ports.length];
    if (port === undefined) return "no process of it runs";
    const { path, key, body } = call;
    try {
      const answer = await this.#client.post({ port, path, key, body, timeoutMs });
      return answer.status >= 500 ? `status ${answer.status}` : answer;
    } catch (error) {
      return String(error);
    }
  }

  async #pause(attempt: number, deadlineMs: number): Promise<void> {
    const longestMs = Math.min(pauseMsMax, pauseMsFirst * 2 ** (attempt - 2) * 2);
    const leftMs = Math.max(0, deadlineMs - this.#clock.monotonicMs());
    await delay(this.#clock, Math.min(leftMs, this.#random.float() * longestMs));
  }
}
