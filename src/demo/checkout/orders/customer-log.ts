// The shop window's own list of who ordered what and what they were told: a plain file that no
// service writes, so that the ledger compares independent sources. Always true: an order stands in
// it before it is sent, and an answer after it was received.
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type SideName, sideNames } from "../side-name.ts";
import type { Answer, Order } from "./order.ts";

type Line =
  | { readonly order: Order }
  | { readonly id: string; readonly side: SideName; readonly answer: Answer };

/** Everything the list says. */
export interface CustomerLogContent {
  readonly orders: ReadonlyMap<string, Order>;
  /** What each customer was told, by side and order. */
  readonly answers: Readonly<Record<SideName, ReadonlyMap<string, Answer>>>;
}

/** The name of the file. */
export const customerLogFile = "customers.ndjson";

/** Writes and reads the list. */
export class CustomerLog {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = join(directory, customerLogFile);
    appendFileSync(this.#path, "");
  }

  /** Notes an order that is about to be sent. */
  ordered(order: Order): void {
    this.#write({ order });
  }

  /** Notes what a customer was told. */
  answered(id: string, side: SideName, answer: Answer): void {
    this.#write({ id, side, answer });
  }

  /** Reads the whole list. */
  read(): CustomerLogContent {
    const orders = new Map<string, Order>();
    const answers = { sync: new Map<string, Answer>(), spillway: new Map<string, Answer>() };
    for (const text of readFileSync(this.#path, "utf8").split("\n")) {
      if (text === "") continue;
      const line = JSON.parse(text) as Line;
      if ("order" in line) orders.set(line.order.id, line.order);
      else if (sideNames.includes(line.side)) answers[line.side].set(line.id, line.answer);
    }
    return { orders, answers };
  }

  #write(line: Line): void {
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
  }
}
