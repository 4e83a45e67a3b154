// The shipping service of the left side. A parcel is handed over once; an order that was given up
// before is not shipped any more, and one that was shipped cannot be given up.
import type { JsonAnswer, JsonRequest } from "../http/json-server.ts";
import type { Order } from "../orders/order.ts";
import type { OutsideCaller } from "../outside/outside-caller.ts";
import type { ServiceDatabase } from "./service-database.ts";

/** Its tables. */
export const shippingSchema = `
  CREATE TABLE IF NOT EXISTS shipments (
    order_id TEXT PRIMARY KEY, sku TEXT NOT NULL, quantity INTEGER NOT NULL, state TEXT NOT NULL
  ) STRICT`;

/** Answers a request. */
export async function answerShipping(
  database: ServiceDatabase,
  outside: OutsideCaller,
  request: JsonRequest,
): Promise<JsonAnswer> {
  const order = request.body as Order;
  if (request.path === "/shipments") return ship(database, outside, request.key, order);
  if (request.path === "/cancellations") return cancel(database, order);
  return { status: 404, body: {} };
}

async function ship(
  database: ServiceDatabase,
  outside: OutsideCaller,
  key: string,
  order: Order,
): Promise<JsonAnswer> {
  const before = note(database, order, "shipping");
  if (before === "cancelled") return { status: 410, body: { state: before } };
  if (before !== "shipped") {
    await outside.ship(key, order);
    const change = "UPDATE shipments SET state = 'shipped' WHERE order_id = ?";
    database.transaction(() => database.run(change, order.id));
  }
  return { status: 201, body: { state: "shipped" } };
}

function cancel(database: ServiceDatabase, order: Order): JsonAnswer {
  const state = note(database, order, "cancelled");
  // While a parcel is being handed over nobody can say yet: the caller asks again.
  if (state === "shipping") return { status: 425, body: { state } };
  return { status: state === "shipped" ? 409 : 200, body: { state } };
}

/** Notes an order unless it was noted before; what it is in now. */
function note(database: ServiceDatabase, { id, sku, quantity }: Order, state: string): string {
  return database.transaction(() => {
    const row = "INSERT OR IGNORE INTO shipments VALUES (?, ?, ?, ?)";
    database.run(row, id, sku, quantity, state);
    return String(database.get("SELECT state FROM shipments WHERE order_id = ?", id)?.["state"]);
  });
}
