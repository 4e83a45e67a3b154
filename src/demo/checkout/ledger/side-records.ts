// What one side left behind, in one form for both: the records of its services, and the books of
// bank and carrier. Types only.
import type { Bank, Carrier } from "../outside/bank.ts";

/** Money that a service recorded as taken. */
export interface ChargeRecord {
  readonly order: string;
  readonly cents: number;
}

/** Pieces that a service recorded as shipped. */
export interface ShipmentRecord {
  readonly order: string;
  readonly quantity: number;
}

/** Everything that is compared. */
export interface SideRecords {
  /** As the payment service recorded them. */
  readonly charges: readonly ChargeRecord[];
  /** As the shipping service recorded them. */
  readonly shipments: readonly ShipmentRecord[];
  /** Orders that ended without a parcel, as the services recorded it. */
  readonly cancelled: ReadonlySet<string>;
  /** Pieces of each article that are free, as the stock service recorded them. */
  readonly shelves: ReadonlyMap<string, number>;
  readonly bank: Pick<Bank, "charges">;
  readonly carrier: Pick<Carrier, "parcels">;
}
