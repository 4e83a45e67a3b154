// How a run of the checkout demo ended, side by side: the ledger, and what it took to get there.
// Always true: the ledger is made of what the services recorded, never of what was shown meanwhile.
import type { CustomerLogContent } from "./orders/customer-log.ts";
import { LatencyRecord, type Percentiles } from "./orders/latency-record.ts";
import { makeLedger, type SideLedger } from "./ledger/ledger.ts";
import type { SideRecords } from "./ledger/side-records.ts";
import type { Side } from "./side.ts";
import type { SideName } from "./side-name.ts";

/** How one side ended. */
export interface SideResult {
  readonly side: SideName;
  readonly ledger: SideLedger;
  /** How long customers waited for their yes, over the whole run. */
  readonly accept: Percentiles;
  /** From an order to its parcel. */
  readonly delivery: Percentiles;
  readonly timeouts: number;
  readonly retries: number;
  /** Processor time of all processes. */
  readonly processorSeconds: number;
  /** From the end of the arrivals until everything was settled. */
  readonly settlingSeconds: number;
}

/** How it ended. */
export interface CheckoutResult {
  readonly sent: number;
  readonly sides: readonly SideResult[];
  /** Processes that were killed, over both sides. */
  readonly killed: number;
  readonly interrupted: boolean;
  readonly seconds: number;
}

/** What is known of a side besides what it knows itself. */
export interface SideOutcome {
  readonly sent: CustomerLogContent;
  /** By order: monotonic time at which its customer came. */
  readonly cameMs: ReadonlyMap<string, number>;
  readonly recorded: Omit<SideRecords, "bank" | "carrier">;
  readonly settlingSeconds: number;
}

/** The result of a side whose services are closed. */
export function sideResult(side: Side, outcome: SideOutcome): SideResult {
  const { name, outside, customers } = side;
  const { sent, recorded, settlingSeconds } = outcome;
  const { timeouts, retries, processorMs } = side.numbers();
  return {
    side: name,
    ledger: makeLedger(sent.orders, sent.answers[name], { ...recorded, ...outside }),
    accept: customers.latency.overall(),
    delivery: deliveryTimes(outcome.cameMs, outside.carrier.fetchedMs),
    timeouts,
    retries,
    processorSeconds: processorMs / 1_000,
    settlingSeconds,
  };
}

function deliveryTimes(
  cameMs: ReadonlyMap<string, number>,
  fetchedMs: ReadonlyMap<string, number>,
): Percentiles {
  const times = new LatencyRecord();
  for (const [order, endMs] of fetchedMs) {
    const startMs = cameMs.get(order);
    if (startMs !== undefined) times.add(endMs, endMs - startMs);
  }
  return times.overall();
}
