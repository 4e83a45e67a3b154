// An order of the shop, and what both sides agree on about it. Values only.

/** One order: one article, any number of pieces. */
export interface Order {
  readonly id: string;
  readonly customer: string;
  readonly sku: string;
  readonly quantity: number;
  /** What the customer owes for all of it. */
  readonly cents: number;
}

/** Pieces of each article that the shop has when it opens. */
export const openingUnits = 10_000;

/** Most orders of one run: the ledger holds each in memory. */
export const ordersMax = 1_000_000;

/** What a customer was told. */
export type Answer =
  /** The shop took the order. */
  | "yes"
  /** Sold out, or the bank declined: nobody's fault. */
  | "turned-down"
  /** The shop could not do it and said so. */
  | "refused"
  /** Nothing was heard in time. */
  | "unanswered";
