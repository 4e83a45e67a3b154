// Where orders come from: a generator, or a file. Types only.
import type { Order } from "./order.ts";

/** Gives one order after the other. */
export interface OrderSource {
  /** The next one; undefined when there are no more, or when it was closed meanwhile. */
  next(): Order | undefined | Promise<Order | undefined>;
  /** Gives nothing more, and lets go of what it holds. Idempotent. */
  close(): void;
}
