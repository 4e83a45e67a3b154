// The intake's table of orders: who works on which order, until when, and how it ended. An order
// that has not ended is the intake's list of things to do, whatever happens to its processes.
// Always true: only the process that holds an order changes it, and an order that ended stays as it
// is.
import type { Order } from "../orders/order.ts";
import type { ServiceDatabase } from "./service-database.ts";

/** Its tables. */
export const intakeSchema = `
  CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, content TEXT NOT NULL, state TEXT NOT NULL, holder TEXT NOT NULL,
    held_until INTEGER NOT NULL, ends_as TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS open_orders ON orders (held_until)
    WHERE state IN ('pending', 'cancelling')`;

/** How many orders have not ended. */
export const openOrdersQuery =
  "SELECT count(*) AS count FROM orders WHERE state IN ('pending', 'cancelling')";

/** How an order can end. */
export type OrderEnd = "completed" | "sold-out" | "declined" | "failed";

/** How an order stands. */
export type OrderState =
  /** Somebody works on it. */
  | "pending"
  /** It is being taken back. */
  | "cancelling"
  | OrderEnd;

/** An order that nobody works on any more and that has to be taken back. */
export interface LeftOrder {
  readonly order: Order;
  readonly endsAs: OrderEnd;
}

/** The orders as one process of the intake sees them. */
export class OrderRecords {
  readonly #database: ServiceDatabase;
  readonly #holder: string;

  constructor(database: ServiceDatabase, holder: string) {
    this.#database = database;
    this.#holder = holder;
  }

  /**
   * Takes an order that is new, or that its holder has left lying: "mine". Otherwise how it stands.
   */
  take(order: Order, nowMs: number, heldMs: number): Promise<OrderState | "mine"> {
    const { id } = order;
    const [now, until] = [Math.round(nowMs), Math.round(nowMs + heldMs)];
    return this.#database.transaction(() => {
      const row = "INSERT OR IGNORE INTO orders VALUES (?, ?, 'pending', ?, ?, NULL)";
      const content = JSON.stringify(order);
      if (this.#database.run(row, id, content, this.#holder, until) === 1) return "mine";
      const takeOver =
        "UPDATE orders SET holder = ?, held_until = ? " +
        "WHERE order_id = ? AND state = 'pending' AND held_until < ?";
      if (this.#database.run(takeOver, this.#holder, until, id, now) === 1) return "mine";
      const state = this.#database.get("SELECT state FROM orders WHERE order_id = ?", id);
      return String(state?.["state"]) as OrderState;
    });
  }

  /** Ends an order; false when somebody else has taken it over. */
  end(id: string, from: "pending" | "cancelling", end: OrderEnd): Promise<boolean> {
    const change = "UPDATE orders SET state = ? WHERE order_id = ? AND state = ? AND holder = ?";
    return this.#database.transaction(
      () => this.#database.run(change, end, id, from, this.#holder) === 1,
    );
  }

  /** Notes that an order is to be taken back; false when somebody else has taken it over. */
  startCancelling(id: string, endsAs: OrderEnd, untilMs: number): Promise<boolean> {
    const change =
      "UPDATE orders SET state = 'cancelling', ends_as = ?, held_until = ? " +
      "WHERE order_id = ? AND state = 'pending' AND holder = ?";
    return this.#database.transaction(() => {
      return this.#database.run(change, endsAs, Math.round(untilMs), id, this.#holder) === 1;
    });
  }

  /** Goes on holding an order that is taken back; false when somebody else has taken it over. */
  hold(id: string, untilMs: number): Promise<boolean> {
    const change =
      "UPDATE orders SET held_until = ? " +
      "WHERE order_id = ? AND state = 'cancelling' AND holder = ?";
    return this.#database.transaction(() => {
      return this.#database.run(change, Math.round(untilMs), id, this.#holder) === 1;
    });
  }

  /**
   * Takes over what a process left lying that was killed: orders that were being taken back, and
   * orders whose customers have not asked again for `patienceMs`. They are to be taken back.
   */
  takeOver(
    nowMs: number,
    heldMs: number,
    patienceMs: number,
    ordersMax: number,
  ): Promise<readonly LeftOrder[]> {
    const [now, until] = [Math.round(nowMs), Math.round(nowMs + heldMs)];
    const change =
      "UPDATE orders SET state = 'cancelling', ends_as = coalesce(ends_as, 'failed'), " +
      "holder = ?, held_until = ? WHERE order_id IN (SELECT order_id FROM orders " +
      "WHERE state IN ('pending', 'cancelling') " +
      "AND held_until < iif(state = 'pending', ?, ?) LIMIT ?) RETURNING content, ends_as";
    const long = now - Math.round(patienceMs);
    return this.#database.transaction(() =>
      this.#database.all(change, this.#holder, until, long, now, ordersMax).map((row) => ({
        order: JSON.parse(String(row["content"])) as Order,
        endsAs: String(row["ends_as"]) as OrderEnd,
      })),
    );
  }
}
