// The customers of one side: each sends one order to the shop's door and waits for its answer, as
// patiently on the left as on the right. Always true: every order ends with exactly one answer in
// the list, "unanswered" included.
import { type Clock, delay } from "../../../kernel/clock.ts";
import type { Random } from "../../../kernel/random.ts";
import { customerPatience } from "../capacity.ts";
import { JsonClient } from "../http/json-client.ts";
import type { SideName } from "../side-name.ts";
import type { CustomerLog } from "./customer-log.ts";
import { LatencyRecord } from "./latency-record.ts";
import type { Answer, Order } from "./order.ts";

/** What customers need. */
export interface CustomersOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly side: SideName;
  readonly log: CustomerLog;
  /** For one try. */
  readonly timeoutMs: number;
}

/** How many customers got which answer. */
export type AnswerCounts = Readonly<Record<Answer, number>>;

/** The customers of one side. */
export class Customers {
  /** How long those waited who were told yes. */
  readonly latency = new LatencyRecord();
  /** Customers who wait for an answer. */
  waiting = 0;
  readonly #counts = { yes: 0, "turned-down": 0, refused: 0, unanswered: 0 };
  readonly #options: CustomersOptions;
  readonly #client: JsonClient;
  #doors: readonly number[] = [];
  #turn = 0;

  constructor(options: CustomersOptions) {
    this.#options = options;
    this.#client = new JsonClient({
      clock: options.clock,
      connectionsMax: customerPatience.waitingMax,
    });
  }

  /** The answers so far. */
  get counts(): AnswerCounts {
    return { ...this.#counts };
  }

  /** Tries that got no answer in time. */
  get timeouts(): number {
    return this.#client.timeouts;
  }

  /** Where the shop's doors are; they are taken in turn. */
  findDoors(ports: readonly number[]): void {
    this.#doors = ports;
  }

  /** Sends an order; resolves when its customer has an answer or has given up. Never rejects. */
  async order(order: Order): Promise<void> {
    const { clock, log, side } = this.#options;
    const startMs = clock.monotonicMs();
    // A shop with so many waiting is one that nobody gets into.
    const isFull = this.waiting >= customerPatience.waitingMax;
    this.waiting++;
    const answer = isFull ? "unanswered" : await this.#askUntilAnswered(order, startMs);
    this.waiting--;
    log.answered(order.id, side, answer);
    this.#counts[answer]++;
    const nowMs = clock.monotonicMs();
    if (answer === "yes") this.latency.add(nowMs, nowMs - startMs);
  }

  /** Resolves when nobody waits any more. */
  async settled(pollMs: number): Promise<void> {
    while (this.waiting > 0) await delay(this.#options.clock, pollMs);
  }

  /** Closes the connections. */
  close(): void {
    this.#client.close();
  }

  async #askUntilAnswered(order: Order, startMs: number): Promise<Answer> {
    const { clock, random, timeoutMs } = this.#options;
    const patienceMs = timeoutMs * customerPatience.tries;
    let last: Answer = "unanswered";
    for (let tries = 0; tries < customerPatience.tries; ) {
      const result = await this.#ask(order);
      if (result === "yes" || result === "turned-down") return result;
      // "In progress" is not a failure; it is asked about again while there is patience.
      if (result !== "in-progress") {
        last = result;
        tries++;
      } else if (clock.monotonicMs() - startMs > patienceMs) return "unanswered";
      if (tries < customerPatience.tries) {
        await delay(clock, (0.5 + 0.5 * random.float()) * customerPatience.pauseMs);
      }
    }
    return last;
  }

  async #ask(order: Order): Promise<Answer | "in-progress"> {
    const port = this.#doors[this.#turn++ % this.#doors.length];
    if (port === undefined) return "unanswered";
    const { timeoutMs } = this.#options;
    try {
      const call = { port, path: "/orders", key: order.id, body: order, timeoutMs };
      const { status } = await this.#client.post(call);
      if (status === 201 || status === 202) return "yes";
      if (status === 402 || status === 410) return "turned-down";
      return status === 409 ? "in-progress" : "refused";
    } catch {
      return "unanswered";
    }
  }
}
