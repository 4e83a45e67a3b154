// The ledger of one side: what was sent and answered, against what the services recorded and what
// bank and carrier have in their books. Pure. Always true: every order that was sent is counted
// exactly once as carried out, cancelled, lost, half done or never begun.
import { type Answer, openingUnits, type Order } from "../orders/order.ts";
import type { SideRecords } from "./side-records.ts";

/** Amounts in cents. */
export interface MoneyLedger {
  /** Of orders that were carried out. */
  readonly owed: number;
  /** As the payment service recorded it. */
  readonly recorded: number;
  /** As the bank's book says, voided charges left out. */
  readonly bank: number;
}

/** Pieces. */
export interface StockLedger {
  /** Gone from the shelves, as the stock service recorded it. */
  readonly taken: number;
  /** As the shipping service recorded it. */
  readonly shipped: number;
  /** As the carrier's book says. */
  readonly carrier: number;
}

/** One side's ledger. */
export interface SideLedger {
  readonly sent: number;
  readonly answers: Readonly<Record<Answer, number>>;
  /** Charged and shipped. */
  readonly carriedOut: number;
  /** Of these, orders whose customers were not told yes. */
  readonly untold: number;
  /** Ended without a parcel and without a charge, and recorded as such. */
  readonly cancelled: number;
  /** The customer was told yes; the order was neither carried out nor cancelled. */
  readonly lost: number;
  /** Charged or shipped more than once. */
  readonly doubled: number;
  /** No yes was given, and yet something was charged or shipped: somebody must look at it. */
  readonly halfDone: number;
  /** Charges or parcels of orders that nobody sent. */
  readonly unexpected: number;
  /** Cents of orders that came to nothing because the shop could not, or could not in time. */
  readonly missedCents: number;
  readonly money: MoneyLedger;
  readonly stock: StockLedger;
  /** Whether everything above agrees, to the cent and to the piece. */
  readonly balanced: boolean;
}

/** Compares. */
export function makeLedger(
  orders: ReadonlyMap<string, Order>,
  answers: ReadonlyMap<string, Answer>,
  records: SideRecords,
): SideLedger {
  const taken = [...records.bank.charges.values()].filter((charge) => isTaken(charge));
  const parcels = [...records.carrier.parcels.values()];
  const times = timesOf(records, taken, parcels);
  const counts = countOrders(orders, answers, records, times);
  const money = {
    owed: counts.owed,
    recorded: sum(records.charges, ({ cents }) => cents),
    bank: sum(taken, ({ cents }) => cents),
  };
  const stock = {
    taken: sum([...records.shelves.values()], (units) => openingUnits - units),
    shipped: sum(records.shipments, ({ quantity }) => quantity),
    carrier: sum(parcels, ({ quantity }) => quantity),
  };
  const { lost, doubled, halfDone, unexpected } = counts;
  return {
    sent: orders.size,
    answers: countAnswers(answers),
    carriedOut: counts.carriedOut,
    untold: counts.untold,
    cancelled: counts.cancelled,
    lost,
    doubled,
    halfDone,
    unexpected,
    missedCents: counts.missedCents,
    money,
    stock,
    balanced: lost + doubled + halfDone + unexpected === 0 && agrees(money) && agrees(stock),
  };
}

/** How often each order was charged and shipped: the larger of what service and book say. */
interface Times {
  readonly charged: ReadonlyMap<string, number>;
  readonly shipped: ReadonlyMap<string, number>;
}

type OrderCounts = Pick<
  SideLedger,
  | "carriedOut"
  | "untold"
  | "cancelled"
  | "lost"
  | "doubled"
  | "halfDone"
  | "unexpected"
  | "missedCents"
> & { readonly owed: number };

function countOrders(
  orders: ReadonlyMap<string, Order>,
  answers: ReadonlyMap<string, Answer>,
  records: SideRecords,
  times: Times,
): OrderCounts {
  const counts = {
    carriedOut: 0,
    untold: 0,
    cancelled: 0,
    lost: 0,
    doubled: 0,
    halfDone: 0,
    unexpected: 0,
    owed: 0,
    missedCents: 0,
  };
  for (const [id, order] of orders) {
    const charged = times.charged.get(id) ?? 0;
    const shipped = times.shipped.get(id) ?? 0;
    const answer = answers.get(id);
    const saidYes = answer === "yes";
    const isMissed = answer === "refused" || answer === "unanswered";
    if (isMissed && charged === 0) counts.missedCents += order.cents;
    if (charged > 1 || shipped > 1) counts.doubled++;
    if (charged > 0 && shipped > 0) {
      counts.carriedOut++;
      counts.owed += order.cents;
      if (!saidYes) counts.untold++;
    } else if (charged > 0 || shipped > 0) {
      counts[saidYes ? "lost" : "halfDone"]++;
    } else if (records.cancelled.has(id)) counts.cancelled++;
    else if (saidYes) counts.lost++;
  }
  const known = [...times.charged.keys(), ...times.shipped.keys()];
  counts.unexpected = new Set(known.filter((id) => !orders.has(id))).size;
  return counts;
}

function timesOf(
  records: SideRecords,
  taken: readonly { readonly order: string }[],
  parcels: readonly { readonly order: string }[],
): Times {
  return {
    charged: larger(tally(records.charges), tally(taken)),
    shipped: larger(tally(records.shipments), tally(parcels)),
  };
}

function tally(list: readonly { readonly order: string }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { order } of list) counts.set(order, (counts.get(order) ?? 0) + 1);
  return counts;
}

function larger(
  left: ReadonlyMap<string, number>,
  right: ReadonlyMap<string, number>,
): Map<string, number> {
  const result = new Map(left);
  for (const [id, count] of right) result.set(id, Math.max(count, result.get(id) ?? 0));
  return result;
}

function countAnswers(answers: ReadonlyMap<string, Answer>): Record<Answer, number> {
  const counts = { yes: 0, "turned-down": 0, refused: 0, unanswered: 0 };
  for (const answer of answers.values()) counts[answer]++;
  return counts;
}

function isTaken(charge: { readonly result: string; readonly voided: boolean }): boolean {
  return charge.result === "taken" && !charge.voided;
}

function agrees(amounts: MoneyLedger | StockLedger): boolean {
  return new Set(Object.values(amounts)).size === 1;
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
