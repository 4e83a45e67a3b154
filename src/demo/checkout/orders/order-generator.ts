// The orders of an ordinary busy day, drawn from one seed: the same seed gives the same orders at
// the same moments. Pure.
import type { Random } from "../../../kernel/random.ts";
import type { Order } from "./order.ts";
import type { OrderSource } from "./order-source.ts";

const articles = 60;
const customers = 5_000;
const piecesMax = 3;
const centsMin = 490;
const centsRange = 9_500;

/** Orders without end; few articles sell much and many sell little. */
export function generatedOrders(random: Random, run: string): OrderSource {
  let number = 0;
  const next = (): Order => {
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
  return { next, close: () => undefined };
}

function priceOf(article: number): number {
  return centsMin + ((article * 2_654_435_761) % centsRange);
}
