// The shipping service of the left side. A parcel is handed over once; an order that was given up
// before is not shipped any more, and one whose parcel may be on its way cannot be given up.
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
  if (request.path === "/cancellations") return cancel(database, outside, request.key, order);
  return { status: 404, body: {} };
}

async function ship(
  database: ServiceDatabase,
  outside: OutsideCaller,
  key: string,
  order: Order,
): Promise<JsonAnswer> {
  const before = await note(database, order, "shipping");
  if (before === "cancelled") return { status: 410, body: { state: before } };
  if (before !== "shipped") {
    await outside.ship(key, order);
    const change = "UPDATE shipments SET state = 'shipped' WHERE order_id = ?";
    await database.transaction(() => database.run(change, order.id));
  }
  return { status: 201, body: { state: "shipped" } };
}

async function cancel(
  database: ServiceDatabase,
  outside: OutsideCaller,
  key: string,
  order: Order,
): Promise<JsonAnswer> {
  const state = await note(database, order, "cancelled");
  if (state === "cancelled") return { status: 200, body: { state } };
  // The carrier may have a parcel that is being handed over, or was when a process was killed; with
  // the same key it takes one only, so the way on is to the end.
  if (state === "shipping") await ship(database, outside, key, order);
  return { status: 409, body: { state: "shipped" } };
}

/** Notes an order unless it was noted before; what it is in now. */
function note(
  database: ServiceDatabase,
  { id, sku, quantity }: Order,
  state: string,
): Promise<string> {
  return database.transaction(() => {
    const row = "INSERT OR IGNORE INTO shipments VALUES (?, ?, ?, ?)";
    database.run(row, id, sku, quantity, state);
    return String(database.get("SELECT state FROM shipments WHERE order_id = ?", id)?.["state"]);
  });
}
