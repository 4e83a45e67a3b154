// The shop's door on the left side: it asks stock, payment and shipping, one after the other, and
// answers the customer when all have done their part. What it cannot finish in time it takes back.
// Always true: a customer who was told yes has an order that all services have recorded.
import type { Clock } from "../../../kernel/clock.ts";
import type { JsonAnswer, JsonRequest } from "../http/json-server.ts";
import type { Order } from "../orders/order.ts";
import type { TimeOuts } from "../time-outs.ts";
import type { OrderRecords, OrderState } from "./order-records.ts";
import { type PeerCaller, PeerUnavailable } from "./peer-caller.ts";

/** What the intake needs. */
export interface SyncIntakeParts {
  readonly records: OrderRecords;
  readonly peers: PeerCaller;
  readonly clock: Clock;
  readonly timeOuts: TimeOuts;
}

/** Takes orders. */
export class SyncIntake {
  readonly #records: OrderRecords;
  readonly #peers: PeerCaller;
  readonly #clock: Clock;
  readonly #timeOuts: TimeOuts;
  readonly #cancelling = new Set<Promise<void>>();

  constructor(parts: SyncIntakeParts) {
    this.#records = parts.records;
    this.#peers = parts.peers;
    this.#clock = parts.clock;
    this.#timeOuts = parts.timeOuts;
  }

  /** Answers a customer. */
  async answer(request: JsonRequest): Promise<JsonAnswer> {
    const order = request.body as Order;
    const state = this.#records.take(order, this.#clock.wallMs(), this.#timeOuts.held);
    if (state !== "mine") return answerOf(state);
    const deadlineMs = this.#clock.monotonicMs() + this.#timeOuts.order;
    try {
      return await this.#carryOut(order, deadlineMs);
    } catch (error) {
      if (!(error instanceof PeerUnavailable)) throw error;
      this.#takeBack(order, "failed");
      return answerOf("failed");
    }
  }

  /** Resolves when nothing is being taken back any more. */
  async close(): Promise<void> {
    while (this.#cancelling.size > 0) await Promise.all(this.#cancelling);
  }

  async #carryOut(order: Order, deadlineMs: number): Promise<JsonAnswer> {
    const reserved = await this.#ask("stock", "/reservations", order, deadlineMs);
    if (reserved !== 201) return this.#end(order, "sold-out");
    const charged = await this.#ask("payment", "/charges", order, deadlineMs);
    if (charged === 402) {
      this.#takeBack(order, "declined");
      return answerOf("declined");
    }
    const shipped =
      charged === 201 && (await this.#ask("shipping", "/shipments", order, deadlineMs));
    if (shipped !== 201) throw new PeerUnavailable("it was given up in the meantime");
    return this.#end(order, "completed");
  }

  #end(order: Order, state: OrderState): JsonAnswer {
    // Somebody who took it over answers for it; this customer is asked to look again.
    return this.#records.move(order.id, "pending", state) ? answerOf(state) : answerOf("pending");
  }

  /** Takes back what was done for an order, while its customer is answered already. */
  #takeBack(order: Order, end: OrderState): void {
    if (!this.#records.move(order.id, "pending", "cancelling")) return;
    const work = this.#undo(order, end)
      .catch((error: unknown) => {
        // It stays "cancelling", for somebody to look at.
        if (!(error instanceof PeerUnavailable)) throw error;
      })
      .finally(() => this.#cancelling.delete(work));
    this.#cancelling.add(work);
  }

  async #undo(order: Order, end: OrderState): Promise<void> {
    const deadlineMs = this.#clock.monotonicMs() + this.#timeOuts.cancel;
    if (end !== "declined") {
      const cancelled = await this.#ask("shipping", "/cancellations", order, deadlineMs);
      if (cancelled === 409) {
        this.#records.move(order.id, "cancelling", "completed");
        return;
      }
      await this.#ask("payment", "/voids", order, deadlineMs);
    }
    await this.#ask("stock", "/releases", order, deadlineMs);
    this.#records.move(order.id, "cancelling", end);
  }

  async #ask(
    service: "stock" | "payment" | "shipping",
    path: string,
    order: Order,
    deadlineMs: number,
  ): Promise<number> {
    const { status } = await this.#peers.call({
      service,
      path,
      // One key for an order, the same for every service and every attempt.
      key: order.id,
      body: order,
      timeoutMs: this.#timeOuts[service],
      deadlineMs,
    });
    return status;
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
