// The main process's own view into the journal of the right side: how much waits, how many orders
// have ended, and at the end everything that was recorded.
import { embedded } from "../../adapters/embedded/index.ts";
import type { Bus } from "../../bus/bus.ts";
import { createBus } from "../../bus/create-bus.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";
import type { SideRecords } from "./ledger/side-records.ts";
import { readSpillwayRecords } from "./ledger/spillway-records.ts";
import { orders, outcomes, payments, reservations, shopChannels } from "./spillway/contracts.ts";

/** How the right side stands. */
export interface JournalDepth {
  /** Messages that some service has not settled. */
  readonly unsettled: number;
  /** Orders that were shipped or cancelled. */
  readonly ended: number;
}

const channelsRead: readonly string[] = [orders.name, reservations.name, payments.name];

/** An open journal. */
export class ShopJournal {
  readonly #bus: Bus;

  private constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Opens it, and makes its channels, before any service does. */
  static async open(directory: string, clock: Clock, random: Random): Promise<ShopJournal> {
    const bus = await createBus({
      name: "checkout-demo",
      transport: embedded({ directory }),
      channels: [...shopChannels],
      // The demo decides itself when it ends: what was accepted is carried out first.
      shutdownSignals: [],
      clock,
      random,
    });
    return new ShopJournal(bus);
  }

  /** Asks the journal. */
  async depth(): Promise<JournalDepth> {
    let unsettled = 0;
    let ended = 0;
    for (const { channel, depth, groups } of (await this.#bus.stats()).channels) {
      if (channel === outcomes.name) ended = depth;
      if (!channelsRead.includes(channel)) continue;
      for (const group of groups) unsettled += group.depth;
    }
    return { unsettled, ended };
  }

  /** Everything that the services recorded; they are closed by then. */
  records(): Promise<Omit<SideRecords, "bank" | "carrier">> {
    return readSpillwayRecords(this.#bus);
  }

  close(): Promise<void> {
    return this.#bus.close();
  }
}
