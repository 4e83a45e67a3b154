// The faults of one faulty transport: what they are, and which call meets which. Shared by it and
// its consumers. Knows nothing of what they do.
import { SpillwayError } from "../../errors/spillway-error.ts";
import { type Clock, delay, systemClock } from "../../kernel/clock.ts";
import { type Random, seededRandom } from "../../kernel/random.ts";
import { FaultDraw, faultsMaxDefault } from "./fault-draw.ts";

const transportFaults = [
  "append-lost",
  "append-unanswered",
  "append-repeated",
  "append-delayed",
  "commit-lost",
  "commit-unanswered",
  "fetch-delayed",
] as const;

/**
 * "append-lost", "append-unanswered": an append rejects as indefinite, and was not, or was, stored.
 * "append-repeated": it is sent twice (only messages with given ids, which are stored once).
 * "append-delayed", "fetch-delayed": it takes longer. "commit-lost", "commit-unanswered": the
 * connection ends while a unit is settled, which was not, or was, committed; the member joins anew.
 */
export type TransportFault = (typeof transportFaults)[number];

/** Options of faultTransport(). */
export interface FaultTransportOptions {
  /** Draws the faults: the same calls in the same order meet the same faults. */
  readonly seed: number;
  /** The share of calls with a fault, 0 to 1. Default 0.1. */
  readonly share?: number;
  /** Which faults. Default: all of them. */
  readonly faults?: readonly TransportFault[];
  /** Most faults in all. Default 1,000. */
  readonly faultsMax?: number;
  /** Longest delay, in milliseconds. Default 20. */
  readonly delayMsMax?: number;
}

/** Decides and injects; shared by the transport and its consumers. */
export class FaultSource {
  readonly #draw: FaultDraw<TransportFault>;
  readonly #random: Random;
  readonly #delayMsMax: number;
  clock: Clock = systemClock;

  constructor(options: FaultTransportOptions) {
    const { seed, share = 0.1, faults = transportFaults, delayMsMax = 20 } = options;
    const { faultsMax = faultsMaxDefault } = options;
    const call = "faultTransport";
    this.#draw = new FaultDraw({ call, seed, share, faults, faultsMax, known: transportFaults });
    if (!(delayMsMax >= 0)) {
      const text = `${call}: delayMsMax is ${delayMsMax}: give a number of milliseconds, 0 or more`;
      throw new SpillwayError("INVALID_ARGUMENT", text);
    }
    this.#random = seededRandom(seed);
    this.#delayMsMax = delayMsMax;
  }

  /** The fault that this call meets, of those whose names begin so. */
  next(
    operation: "append" | "commit" | "fetch",
    may: (fault: TransportFault) => boolean = () => true,
  ): TransportFault | undefined {
    const fits = (fault: TransportFault): boolean => fault.startsWith(operation) && may(fault);
    return this.#draw.next(this.#random.float(), fits);
  }

  delay(): Promise<void> {
    return delay(this.clock, this.#random.float() * this.#delayMsMax);
  }

  abort(): void {
    this.#draw.abort();
  }

  counts(): Readonly<Record<string, number>> {
    return this.#draw.counts();
  }
}

/** An error of a connection that ended on purpose. */
export function interrupted(text: string, certainty: "definite" | "indefinite"): SpillwayError {
  return new SpillwayError("TRANSPORT_INTERRUPTED", `injected fault: ${text}`, { certainty });
}
