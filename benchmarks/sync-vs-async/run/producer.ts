// Who sends the orders and waits for the answers, the same on both sides. Always true: each order
// ends with one answer, at the latest when the producer's patience does; nobody tries twice.
import { JsonClient } from "../../../src/demo/checkout/http/json-client.ts";
import { delay, systemClock } from "../../../src/kernel/clock.ts";
import { capacity } from "../study-run.ts";

/** Told yes; told no; told nothing in time. */
export type Answer = "yes" | "no" | "none";

/** What became of an order, as its producer saw it. Times in ms of the epoch, with fractions. */
export interface SentOrder {
  readonly id: string;
  readonly dueAtMs: number;
  readonly answeredAtMs: number;
  readonly answer: Answer;
}

/** Now, in ms of the epoch: what the processes of a chain tell by, too. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** The producer of a case. */
export class Producer {
  readonly sent: SentOrder[] = [];
  readonly #port: number;
  readonly #client: JsonClient;
  #count = 0;

  constructor(port: number) {
    this.#port = port;
    const { connectionsMax } = capacity;
    this.#client = new JsonClient({ clock: systemClock, connectionsMax });
  }

  /** Sends an order at each moment, whether or not the others were answered; awaits all answers. */
  async sendAt(moments: readonly number[], startedAtMs: number): Promise<void> {
    const waiting: Promise<SentOrder>[] = [];
    for (const moment of moments) {
      const waitMs = startedAtMs + moment - nowMs();
      if (waitMs > 0) await delay(systemClock, waitMs);
      waiting.push(this.send(startedAtMs + moment));
    }
    await Promise.all(waiting);
  }

  /** Sends one that was due at that moment; resolves when it has its answer. */
  async send(dueAtMs: number): Promise<SentOrder> {
    const id = `order-${this.#count++}`;
    const answer = await this.#ask(id, capacity.patienceMs - (nowMs() - dueAtMs));
    const order = { id, dueAtMs, answeredAtMs: nowMs(), answer };
    this.sent.push(order);
    return order;
  }

  /** Closes the connections. */
  close(): void {
    this.#client.close();
  }

  async #ask(id: string, leftMs: number): Promise<Answer> {
    const budgetMs = Math.floor(leftMs);
    if (budgetMs < 1) return "none";
    const body = { id, cents: 1_999, note: "a parcel", budgetMs };
    try {
      const call = { port: this.#port, path: "/", key: id, body, timeoutMs: budgetMs };
      const { status } = await this.#client.post(call);
      return status === 201 || status === 202 ? "yes" : "no";
    } catch {
      return "none";
    }
  }
}
