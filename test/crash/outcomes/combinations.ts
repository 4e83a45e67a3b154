// What the outcome of a failing message depends on: order, delivery, what its policy does, and
// where the process dies. Words only; the outcomes are in outcome-table.ts.

export const orders = ["key", "none"] as const;
export const deliveries = ["at-most-once", "at-least-once", "effectively-once"] as const;

/** What happens to the message, with its words for the page. */
export const actions = {
  none: "Nothing fails",
  retry: "`retry`: the first attempt fails",
  pause: "`pause`: the first call of each process fails",
  park: "`park`: the first attempt fails; the message is released once its key waits behind it",
  "dead-letter": "`deadLetter`: every call fails",
  discard: "`discard`: every call fails",
  fallback: "`fallback`: every call fails, the fallback does not",
} as const;

/** Where the process is killed, with its words for the page, in the order of a message's life. */
export const points = {
  never: "nothing is killed",
  fetched: "the message is fetched; nothing was called",
  claimed: "it is acknowledged; nothing was called",
  "in-handler": "its handler runs",
  "in-fallback": "its fallback runs",
  "before-commit": "the call is over; what it decided is not committed",
  "after-commit": "that is committed; the process was not told",
  waiting: "it waits: for its next attempt, its release, or the probe of an open circuit",
  "in-handler-again": "its handler runs once more after that",
  "before-commit-again": "that call is over; what it decided is not committed",
  "after-commit-again": "that is committed; the process was not told",
} as const;

export type Order = (typeof orders)[number];
export type DeliveryLevel = (typeof deliveries)[number];
export type Action = keyof typeof actions;
export type Point = keyof typeof points;

/** One subscription of the suite; its group has the name. */
export interface Service {
  readonly name: string;
  readonly order: Order;
  readonly delivery: DeliveryLevel;
  readonly action: Action;
}

/** Every subscription. */
export const services: readonly Service[] = keysOf(actions).flatMap((action) =>
  deliveries.flatMap((delivery) =>
    orders.map((order) => ({ name: `${action}.${delivery}.${order}`, order, delivery, action })),
  ),
);

/** The name of a crash point, for people. */
export function nameOf(point: Point): string {
  return point.replaceAll("-", " ");
}

/** The names of a table of words. */
export function keysOf<Key extends string>(words: Readonly<Record<Key, string>>): Key[] {
  return Object.keys(words) as Key[];
}
