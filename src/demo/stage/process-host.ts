// What a process of a demo is given by its composition root: time, chance, and a line to the main
// process. Types only.
import type { Clock } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";

/** The surroundings of a process that takes orders and sends reports. */
export interface ProcessHost<Order, Report> {
  readonly clock: Clock;
  readonly random: Random;
  send(report: Report): void;
  /** Calls `take` for each order; resolves when the main process has gone. */
  orders(take: (order: Order) => void): Promise<void>;
}
