// The intake's table of orders: who works on which order, until when, and how it ended. Always
// true: only the process that holds an order changes it, and an order that ended stays as it is.
import type { Order } from "../orders/order.ts";
import type { ServiceDatabase } from "./service-database.ts";

/** Its tables. */
export const intakeSchema = `
  CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, content TEXT NOT NULL, state TEXT NOT NULL, holder TEXT NOT NULL,
    held_until INTEGER NOT NULL
  ) STRICT`;

/** How an order stands. */
export type OrderState =
  /** Somebody works on it. */
  | "pending"
  /** It is being taken back. */
  | "cancelling"
  | "completed"
  | "sold-out"
  | "declined"
  | "failed";

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
  take(order: Order, nowMs: number, heldMs: number): OrderState | "mine" {
    const { id } = order;
    const untilMs = Math.round(nowMs + heldMs);
    return this.#database.transaction(() => {
      const row = "INSERT OR IGNORE INTO orders VALUES (?, ?, 'pending', ?, ?)";
      const content = JSON.stringify(order);
      if (this.#database.run(row, id, content, this.#holder, untilMs) === 1) return "mine";
      const takeOver =
        "UPDATE orders SET holder = ?, held_until = ? " +
        "WHERE order_id = ? AND state = 'pending' AND held_until < ?";
      const nowWhole = Math.round(nowMs);
      if (this.#database.run(takeOver, this.#holder, untilMs, id, nowWhole) === 1) return "mine";
      const state = this.#database.get("SELECT state FROM orders WHERE order_id = ?", id);
      return String(state?.["state"]) as OrderState;
    });
  }

  /** Moves an order on; false when somebody else has taken it over. */
  move(id: string, from: OrderState, to: OrderState): boolean {
    const change = "UPDATE orders SET state = ? WHERE order_id = ? AND state = ? AND holder = ?";
    return this.#database.transaction(
      () => this.#database.run(change, to, id, from, this.#holder) === 1,
    );
  }
}
