// How a service calls the bank and the carrier: the same calls, time-outs and keys on both sides.
import type { JsonClient } from "../http/json-client.ts";
import type { JsonAnswer } from "../http/json-server.ts";
import type { Order } from "../orders/order.ts";
import type { StartOrder } from "../service-protocol.ts";
import type { SideName } from "../side-name.ts";
import { timeOutsOf } from "../time-outs.ts";

/** The bank or the carrier cannot do it now; it may do it later. */
export class OutsideUnavailable extends Error {}

/** What the bank said. */
export type ChargeResult = "taken" | "declined";

/** Calls for one side. */
export class OutsideCaller {
  /** Calls that were made again after a failure. */
  retries = 0;
  readonly #client: JsonClient;
  readonly #port: number;
  readonly #side: SideName;

  readonly #timeoutMs: number;

  constructor(client: JsonClient, start: StartOrder) {
    const { outsidePort: port, side, patience } = start;
    this.#timeoutMs = timeOutsOf(patience).outside;
    this.#client = client;
    this.#port = port;
    this.#side = side;
  }

  /** Notes that the next call is the n-th for its order. */
  noteAttempt(attempt: number): void {
    if (attempt > 1) this.retries++;
  }

  /** Takes the money. Rejects when the bank does not answer, or not now. */
  async charge(key: string, order: Order): Promise<ChargeResult> {
    const { status } = await this.#post("charges", key, { order: order.id, cents: order.cents });
    if (status === 201) return "taken";
    if (status === 402) return "declined";
    throw new OutsideUnavailable(`the bank answers ${status}`);
  }

  /** Gives the money back, or sees to it that none is taken under this key. */
  async void(key: string, orderId: string): Promise<void> {
    const { status } = await this.#post("voids", key, { order: orderId });
    if (status !== 200) throw new OutsideUnavailable(`the bank answers ${status}`);
  }

  /** Hands the parcel over. */
  async ship(key: string, order: Order): Promise<void> {
    const body = { order: order.id, quantity: order.quantity };
    const { status } = await this.#post("parcels", key, body);
    if (status !== 201) throw new OutsideUnavailable(`the carrier answers ${status}`);
  }

  #post(what: string, key: string, body: object): Promise<JsonAnswer> {
    const path = `/${this.#side}/${what}`;
    return this.#client.post({ port: this.#port, path, key, body, timeoutMs: this.#timeoutMs });
  }
}
