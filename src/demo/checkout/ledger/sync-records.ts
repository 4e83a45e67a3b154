// Reads what the services of the left side recorded, from their databases.
import { ServiceDatabase } from "../sync/service-database.ts";
import { schemaOf } from "../sync/services.ts";
import type { ServiceName } from "../capacity.ts";
import type { Clock } from "../../../kernel/clock.ts";
import { openOrdersQuery } from "../sync/order-records.ts";
import type { SideRecords } from "./side-records.ts";

/** The records of the services alone; they are closed by then. */
export function readSyncRecords(
  directory: string,
  clock: Clock,
): Omit<SideRecords, "bank" | "carrier"> {
  const rows = (service: ServiceName, sql: string): ReturnType<ServiceDatabase["all"]> =>
    readRows(directory, service, clock, sql);
  const ended = "('sold-out', 'declined', 'failed')";
  return {
    charges: rows("payment", "SELECT * FROM charges WHERE state = 'taken'").map((row) => ({
      order: String(row["order_id"]),
      cents: Number(row["cents"]),
    })),
    shipments: rows("shipping", "SELECT * FROM shipments WHERE state = 'shipped'").map((row) => ({
      order: String(row["order_id"]),
      quantity: Number(row["quantity"]),
    })),
    cancelled: new Set(
      rows("intake", `SELECT order_id FROM orders WHERE state IN ${ended}`).map((row) =>
        String(row["order_id"]),
      ),
    ),
    shelves: new Map(
      rows("stock", "SELECT * FROM shelves").map((row) => [
        String(row["sku"]),
        Number(row["units"]),
      ]),
    ),
  };
}

/** How many orders the left side still works on, or has to take back. */
export function countOpenOrders(directory: string, clock: Clock): number {
  return Number(readRows(directory, "intake", clock, openOrdersQuery)[0]?.["count"]);
}

function readRows(
  directory: string,
  service: ServiceName,
  clock: Clock,
  sql: string,
): ReturnType<ServiceDatabase["all"]> {
  const database = new ServiceDatabase(directory, service, schemaOf[service], clock);
  try {
    return database.all(sql);
  } finally {
    database.close();
  }
}
