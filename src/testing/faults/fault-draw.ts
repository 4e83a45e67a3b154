// Which fault comes next: drawn from a seed, within bounds, counted, and never after abort(). Knows
// nothing of transports and handlers.
import { SpillwayError } from "../../errors/spillway-error.ts";

/** Default of `faultsMax`. */
export const faultsMaxDefault = 1_000;

/** What a draw is made of. */
export interface DrawOptions<Fault extends string> {
  /** The call that was given the options, for errors. */
  readonly call: string;
  readonly seed: number;
  /** Of all chances, how many become a fault: 0 to 1. */
  readonly share: number;
  readonly faults: readonly Fault[];
  readonly known: readonly Fault[];
  readonly faultsMax: number;
}

/** Draws faults. */
export class FaultDraw<Fault extends string> {
  readonly #options: DrawOptions<Fault>;
  readonly #counts = new Map<Fault, number>();
  #total = 0;
  #isAborted = false;

  /** Throws INVALID_ARGUMENT for options that cannot be. */
  constructor(options: DrawOptions<Fault>) {
    this.#options = options;
    const { call, seed, share, faults, known, faultsMax } = options;
    if (!Number.isSafeInteger(seed)) throw invalid(call, "seed", seed, "a whole number");
    if (!(share >= 0 && share <= 1)) throw invalid(call, "share", share, "a number from 0 to 1");
    if (!Number.isSafeInteger(faultsMax) || faultsMax < 0) {
      throw invalid(call, "faultsMax", faultsMax, "a whole number, 0 or more");
    }
    const unknown = faults.find((fault) => !known.includes(fault));
    if (unknown !== undefined || faults.length === 0) {
      throw invalid(call, "faults", unknown ?? "[]", `a list of ${known.join(", ")}`);
    }
  }

  /**
   * The fault for this chance, or none: `chance` from 0 to 1 decides, and `may` which of the faults
   * can be had here.
   */
  next(chance: number, may: (fault: Fault) => boolean): Fault | undefined {
    const { share, faults, faultsMax } = this.#options;
    if (this.#isAborted || this.#total >= faultsMax || chance >= share) return undefined;
    const possible = faults.filter((fault) => may(fault));
    const fault = possible[Math.floor((chance / share) * possible.length)];
    if (fault === undefined) return undefined;
    this.#total++;
    this.#counts.set(fault, (this.#counts.get(fault) ?? 0) + 1);
    return fault;
  }

  /** One that was drawn did not happen after all. */
  takeBack(fault: Fault): void {
    this.#total--;
    this.#counts.set(fault, (this.#counts.get(fault) ?? 1) - 1);
  }

  /** No more of them. */
  abort(): void {
    this.#isAborted = true;
  }

  /** How many of each were injected so far. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

function invalid(call: string, option: string, value: unknown, give: string): SpillwayError {
  return new SpillwayError(
    "INVALID_ARGUMENT",
    `${call}: ${option} is ${String(value)}: give ${give}`,
    { details: { option } },
  );
}
