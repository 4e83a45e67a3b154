// The contract index of a subscription: how to read a stored message of a given type and version.
// Every chain of upcasts is worked out when the index is made, so resolve() is two look-ups.
// Always true: what a stored message claims cannot make the index grow.
import { SpillwayError } from "../errors/spillway-error.ts";
import type { AnyContract, Upcast } from "./contract.ts";

/** How a stored message is read. */
export type Resolution =
  /** Its contract is subscribed to: validate with its schema. */
  | { readonly kind: "direct"; readonly contract: AnyContract }
  /** An older version: apply `steps` (see applyUpcasts), then validate with `contract.schema`. */
  | {
      readonly kind: "upcast";
      readonly contract: AnyContract;
      readonly steps: readonly Upcast[];
      /** The contract of the stored version; the same as `steps[0].from`. */
      readonly from: AnyContract;
    }
  /** A type that a contract subscription did not ask for: not delivered to it. */
  | { readonly kind: "skip" }
  /** A type or version that nobody here understands: for the invalid-message channel. */
  | { readonly kind: "unknown"; readonly reason: string };

/** Most characters of a stored type that are repeated in a reason. */
const typeCharactersMax = 200;

/** Finds the contract for stored messages, by type and version. */
export class ContractIndex {
  readonly #whole: boolean;
  readonly #types = new Map<string, Map<number, Resolution>>();

  /**
   * `whole`: the subscription reads a whole channel, so that every type in it must be known.
   * Throws CONTRACT_CONFLICT for two different contracts of one type and version.
   */
  constructor(contracts: readonly AnyContract[], whole: boolean) {
    this.#whole = whole;
    for (const contract of contracts) this.#addDirect(contract);
    let frontier = contracts.map((contract): Chain => ({ contract, from: contract, steps: [] }));
    // Breadth first: an older version is brought to the contract that is the fewest steps away.
    // At a tie the newest contract gets it.
    frontier.sort((left, right) => right.contract.version - left.contract.version);
    while (frontier.length > 0) frontier = frontier.flatMap((chain) => this.#extend(chain));
  }

  /** How to read a stored message of this type and version. */
  resolve(type: string, version: number): Resolution {
    const versions = this.#types.get(type);
    if (versions !== undefined)
      return versions.get(version) ?? unknownVersion(type, version, versions);
    return this.#whole ? unknownType(type, this.#types) : skip;
  }

  #addDirect(contract: AnyContract): void {
    let versions = this.#types.get(contract.type);
    if (versions === undefined)
      this.#types.set(contract.type, (versions = new Map<number, Resolution>()));
    const other = versions.get(contract.version);
    if (other?.kind === "direct" && other.contract !== contract) {
      throw new SpillwayError(
        "CONTRACT_CONFLICT",
        `two different contracts are '${contract.type}' version ${contract.version}: ` +
          "define it once and share the object",
      );
    }
    versions.set(contract.version, { kind: "direct", contract });
  }

  /** Adds the versions one upcast further away; returns the chains that were new. */
  #extend(chain: Chain): Chain[] {
    const versions = this.#types.get(chain.contract.type) as Map<number, Resolution>;
    const found: Chain[] = [];
    for (const upcast of chain.from.upcasts) {
      if (versions.has(upcast.from.version)) continue;
      const { contract } = chain;
      const longer = { contract, from: upcast.from, steps: [upcast, ...chain.steps] };
      versions.set(upcast.from.version, { kind: "upcast", ...longer });
      found.push(longer);
    }
    return found;
  }
}

interface Chain {
  readonly contract: AnyContract;
  readonly from: AnyContract;
  readonly steps: readonly Upcast[];
}

const skip: Resolution = Object.freeze({ kind: "skip" });

function unknownType(type: string, known: ReadonlyMap<string, unknown>): Resolution {
  return {
    kind: "unknown",
    reason:
      `type '${shortened(type)}' is not one of this channel's: ` + [...known.keys()].join(", "),
  };
}

function unknownVersion(
  type: string,
  version: number,
  known: ReadonlyMap<number, unknown>,
): Resolution {
  const list = [...known.keys()].sort((left, right) => left - right).join(", ");
  return {
    kind: "unknown",
    reason:
      `version ${version} of '${shortened(type)}' is not known here, only ${list}: ` +
      "add the contract or an upcast",
  };
}

function shortened(type: string): string {
  return type.length > typeCharactersMax ? `${type.slice(0, typeCharactersMax)}…` : type;
}
