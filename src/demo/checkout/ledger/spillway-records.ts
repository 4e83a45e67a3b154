// Reads what the services of the right side recorded: events and rows of state, from the journal.
import type { Bus } from "../../../bus/bus.ts";
import { OrderCancelled, OrderShipped, outcomes, PaymentTaken } from "../spillway/contracts.ts";
import { keepStock } from "../spillway/services.ts";
import type { ChargeRecord, ShipmentRecord, SideRecords } from "./side-records.ts";

/** The records of the services alone; they are closed by then. */
export async function readSpillwayRecords(
  bus: Bus,
): Promise<Omit<SideRecords, "bank" | "carrier">> {
  const charges: ChargeRecord[] = [];
  for await (const { data } of bus.read(PaymentTaken)) {
    charges.push({ order: data.id, cents: data.cents });
  }
  const shipments: ShipmentRecord[] = [];
  const cancelled = new Set<string>();
  for await (const message of bus.read(outcomes)) {
    const { id, quantity } = message.data;
    if (message.type === OrderShipped.type) shipments.push({ order: id, quantity });
    else if (message.type === OrderCancelled.type) cancelled.add(id);
  }
  const subscription = await keepStock(bus);
  const shelves = new Map<string, number>();
  for await (const [sku, { units }] of subscription.state.shelves.entries()) {
    shelves.set(sku, units);
  }
  await subscription.close();
  return { charges, shipments, cancelled, shelves };
}
