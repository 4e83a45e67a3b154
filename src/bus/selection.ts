// What a subscription or reader reads: one contract, several of one channel, or a whole channel.
// Turns it into a channel and a list of contracts. Knows nothing of groups.
import type { AnyContract } from "../contracts/contract.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { AnyChannel, ChannelEntry, ChannelRegistry } from "./channel-registry.ts";

/** A contract, several contracts of one channel, or a channel with all its contracts. */
export type Selectable = AnyContract | readonly AnyContract[] | AnyChannel;

/** A selection, resolved. */
export interface Selection {
  readonly entry: ChannelEntry;
  readonly contracts: readonly AnyContract[];
  /** Whether everything in the channel is meant, so that an unknown type is a fault. */
  readonly whole: boolean;
  /** The contract types, sorted, without repeats; undefined for a whole channel. */
  readonly types: readonly string[] | undefined;
}

/** Resolves a selection; registers the channel, or routes the contracts, where that is new. */
export function selectionOf(registry: ChannelRegistry, selectable: Selectable): Selection {
  if (isChannel(selectable)) {
    const entry = registry.register(selectable);
    return { entry, contracts: selectable.messages, whole: true, types: undefined };
  }
  const contracts: readonly AnyContract[] = isList(selectable) ? selectable : [selectable];
  const [first] = contracts;
  if (first === undefined) {
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      "what to read is undefined or empty: give a contract, several of one channel, or a channel " +
        "(one that is undefined although it is imported comes of modules that import each other)",
    );
  }
  const entry = registry.channelOf(first);
  for (const contract of contracts) assertSameChannel(registry, entry, contract);
  const types = [...new Set(contracts.map((contract) => contract.type))].sort();
  return { entry, contracts, whole: false, types };
}

function assertSameChannel(
  registry: ChannelRegistry,
  entry: ChannelEntry,
  contract: AnyContract,
): void {
  const other = registry.channelOf(contract);
  if (other === entry) return;
  throw new SpillwayError(
    "CONTRACT_CONFLICT",
    `one subscription reads one channel, but '${entry.contracts[0]?.type}' is in '${entry.name}' ` +
      `and '${contract.type}' in '${other.name}': list them in one channel, or subscribe to each`,
    { details: { channel: entry.name, other: other.name, type: contract.type } },
  );
}

function isChannel(selectable: Selectable): selectable is AnyChannel {
  return !isList(selectable) && selectable?.kind === "channel";
}

function isList(selectable: Selectable): selectable is readonly AnyContract[] {
  return Array.isArray(selectable);
}
