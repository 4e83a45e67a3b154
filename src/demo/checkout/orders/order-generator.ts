// The orders of an ordinary busy day, drawn from one seed: the same seed gives the same orders at
// the same moments. Pure.
import type { Random } from "../../../kernel/random.ts";
import type { Order } from "./order.ts";

/** Where orders come from: the next one, or undefined when there are no more. */
export type OrderSource = () => Order | undefined;

const articles = 60;
const customers = 5_000;
const piecesMax = 3;
const centsMin = 490;
const centsRange = 9_500;

/** Orders without end; few articles sell much and many sell little. */
export function generatedOrders(random: Random, run: string): OrderSource {
  let number = 0;
  return () => {
    number++;
    // The square makes low numbers more likely.
    const article = Math.floor(random.float() ** 2 * articles);
    const quantity = 1 + Math.floor(random.float() * piecesMax);
    return {
      id: `${run}-${String(number).padStart(6, "0")}`,
      customer: `customer-${Math.floor(random.float() * customers)}`,
      sku: `article-${String(article + 1).padStart(2, "0")}`,
      quantity,
      cents: quantity * priceOf(article),
    };
  };
}

/** Orders that are known already, in their order. */
export function givenOrders(orders: readonly Order[]): OrderSource {
  let at = 0;
  return () => orders[at++];
}

function priceOf(article: number): number {
  return centsMin + ((article * 2_654_435_761) % centsRange);
}
