// The shop's door on the left side: it asks stock, payment and shipping, one after the other, and
// answers the customer when all have done their part. What it cannot finish in time it takes back.
// Always true: a customer who was told yes has an order that all services have recorded.
import type { Clock } from "../../../kernel/clock.ts";
import type { JsonAnswer, JsonRequest } from "../http/json-server.ts";
import type { Order } from "../orders/order.ts";
import type { TimeOuts } from "../time-outs.ts";
import type { Cancellations } from "./cancellations.ts";
import type { OrderEnd, OrderRecords, OrderState } from "./order-records.ts";
import { type PeerCaller, PeerUnavailable } from "./peer-caller.ts";

/** What the intake needs. */
export interface SyncIntakeParts {
  readonly records: OrderRecords;
  readonly peers: PeerCaller;
  readonly cancellations: Cancellations;
  readonly clock: Clock;
  readonly timeOuts: TimeOuts;
}

/** Takes orders. */
export class SyncIntake {
  readonly #parts: SyncIntakeParts;

  constructor(parts: SyncIntakeParts) {
    this.#parts = parts;
  }

  /** Answers a customer. */
  async answer(request: JsonRequest): Promise<JsonAnswer> {
    const { records, clock, timeOuts } = this.#parts;
    const order = request.body as Order;
    const deadlineMs = clock.monotonicMs() + timeOuts.order;
    const state = await records.take(order, clock.wallMs(), timeOuts.held);
    if (state !== "mine") return answerOf(state);
    try {
      return await this.#carryOut(order, deadlineMs);
    } catch (error) {
      if (!(error instanceof PeerUnavailable)) throw error;
      return this.#takeBack(order, "failed");
    }
  }

  async #carryOut(order: Order, deadlineMs: number): Promise<JsonAnswer> {
    const { peers } = this.#parts;
    const reserved = await peers.ask("stock", "/reservations", order, deadlineMs);
    if (reserved !== 201) return this.#end(order, "sold-out");
    const charged = await peers.ask("payment", "/charges", order, deadlineMs);
    if (charged === 402) return this.#takeBack(order, "declined");
    const shipped =
      charged === 201 && (await peers.ask("shipping", "/shipments", order, deadlineMs));
    if (shipped !== 201) throw new PeerUnavailable("it was given up in the meantime");
    return this.#end(order, "completed");
  }

  async #end(order: Order, state: OrderEnd): Promise<JsonAnswer> {
    // Somebody who took it over answers for it; this customer is asked to look again.
    const isMine = await this.#parts.records.end(order.id, "pending", state);
    return answerOf(isMine ? state : "pending");
  }

  /** Answers as soon as it is noted that the order is to be taken back. */
  async #takeBack(order: Order, end: OrderEnd): Promise<JsonAnswer> {
    const isMine = await this.#parts.cancellations.start(order, end);
    return answerOf(isMine ? end : "pending");
  }
}

const statusOf: Readonly<Record<OrderState, number>> = {
  pending: 409,
  cancelling: 503,
  completed: 201,
  "sold-out": 410,
  declined: 402,
  failed: 503,
};

function answerOf(state: OrderState): JsonAnswer {
  return { status: statusOf[state], body: { state } };
}
