// The payment service of the left side. It notes that it is about to charge, asks the bank with the
// request's own idempotency key, and notes what came of it; a charge that was given up stays so.
import type { JsonAnswer, JsonRequest } from "../http/json-server.ts";
import type { Order } from "../orders/order.ts";
import type { OutsideCaller } from "../outside/outside-caller.ts";
import type { ServiceDatabase, Value } from "./service-database.ts";

/** Its tables. */
export const paymentSchema = `
  CREATE TABLE IF NOT EXISTS charges (
    order_id TEXT PRIMARY KEY, cents INTEGER NOT NULL, state TEXT NOT NULL
  ) STRICT`;

/** Answers a request. */
export async function answerPayment(
  database: ServiceDatabase,
  outside: OutsideCaller,
  request: JsonRequest,
): Promise<JsonAnswer> {
  const order = request.body as Order;
  if (request.path === "/charges") return charge(database, outside, request.key, order);
  if (request.path === "/voids") return giveBack(database, outside, request.key, order);
  return { status: 404, body: {} };
}

async function charge(
  database: ServiceDatabase,
  outside: OutsideCaller,
  key: string,
  order: Order,
): Promise<JsonAnswer> {
  const before = await database.transaction(() => {
    const row = "INSERT OR IGNORE INTO charges VALUES (?, ?, 'charging')";
    database.run(row, order.id, order.cents);
    return stateOf(database, order.id);
  });
  if (before !== "charging") return answerOf(before);
  const result = await outside.charge(key, order);
  const after = await database.transaction(() => {
    const change = "UPDATE charges SET state = ? WHERE order_id = ? AND state = 'charging'";
    database.run(change, result, order.id);
    return stateOf(database, order.id);
  });
  return answerOf(after);
}

async function giveBack(
  database: ServiceDatabase,
  outside: OutsideCaller,
  key: string,
  order: Order,
): Promise<JsonAnswer> {
  const row = "INSERT OR REPLACE INTO charges VALUES (?, ?, ?)";
  // From now on nothing is charged for it; only then the bank is asked to give back what it took.
  await database.transaction(() => database.run(row, order.id, order.cents, "voiding"));
  await outside.void(key, order.id);
  await database.transaction(() => database.run(row, order.id, order.cents, "voided"));
  return { status: 200, body: { state: "voided" } };
}

function stateOf(database: ServiceDatabase, id: string): Value | undefined {
  return database.get("SELECT state FROM charges WHERE order_id = ?", id)?.["state"];
}

function answerOf(state: Value | undefined): JsonAnswer {
  if (state === "taken") return { status: 201, body: { state } };
  return { status: state === "declined" ? 402 : 410, body: { state } };
}
