// The stock service of the left side. Every request may come twice, in any order: an order's pieces
// are set aside once, and put back once.
import type { JsonAnswer, JsonRequest } from "../http/json-server.ts";
import { openingUnits, type Order } from "../orders/order.ts";
import type { ServiceDatabase } from "./service-database.ts";

/** Its tables. */
export const stockSchema = `
  CREATE TABLE IF NOT EXISTS shelves (sku TEXT PRIMARY KEY, units INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS reservations (
    order_id TEXT PRIMARY KEY, sku TEXT NOT NULL, quantity INTEGER NOT NULL, state TEXT NOT NULL
  ) STRICT`;

/** Answers a request. */
export async function answerStock(
  database: ServiceDatabase,
  request: JsonRequest,
): Promise<JsonAnswer> {
  const order = request.body as Order;
  if (request.path === "/reservations") return reserve(database, order);
  if (request.path === "/releases") return release(database, order);
  return { status: 404, body: {} };
}

async function reserve(
  database: ServiceDatabase,
  { id, sku, quantity }: Order,
): Promise<JsonAnswer> {
  const state = await database.transaction(() => {
    const before = database.get("SELECT state FROM reservations WHERE order_id = ?", id);
    if (before !== undefined) return before["state"];
    database.run("INSERT OR IGNORE INTO shelves VALUES (?, ?)", sku, openingUnits);
    const taken = database.run(
      "UPDATE shelves SET units = units - ? WHERE sku = ? AND units >= ?",
      quantity,
      sku,
      quantity,
    );
    const state = taken === 1 ? "held" : "sold-out";
    database.run("INSERT INTO reservations VALUES (?, ?, ?, ?)", id, sku, quantity, state);
    return state;
  });
  return { status: state === "held" ? 201 : 409, body: { state } };
}

async function release(database: ServiceDatabase, { id, sku }: Order): Promise<JsonAnswer> {
  await database.transaction(() => {
    const before = database.get("SELECT * FROM reservations WHERE order_id = ?", id);
    if (before === undefined) {
      // A reservation that comes late finds that its order has been given up.
      database.run("INSERT INTO reservations VALUES (?, ?, 0, 'released')", id, sku);
    } else if (before["state"] === "held") {
      const quantity = before["quantity"] ?? 0;
      database.run("UPDATE shelves SET units = units + ? WHERE sku = ?", quantity, sku);
      database.run("UPDATE reservations SET state = 'released' WHERE order_id = ?", id);
    }
  });
  return { status: 200, body: { state: "released" } };
}
