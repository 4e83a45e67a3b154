// Reading through a bus: resolves what to read, checks that the transport can start there, and sees
// to it that the channel exists. Reads nothing before the first element is asked for.
import type { AnyMessage } from "../contracts/contract.ts";
import { assertStartSupported } from "./capability-checks.ts";
import type { BusSettings } from "./bus-options.ts";
import type { ChannelRegistry } from "./channel-registry.ts";
import { readMessages, type ReadOptions } from "./read-messages.ts";
import { type Selectable, selectionOf } from "./selection.ts";

/** The readers of one bus. */
export class BusReader {
  readonly #settings: BusSettings;
  readonly #registry: ChannelRegistry;

  constructor(settings: BusSettings, registry: ChannelRegistry) {
    this.#settings = settings;
    this.#registry = registry;
  }

  /** Decoded messages. */
  read(selectable: Selectable, options: ReadOptions = {}): AsyncGenerator<AnyMessage> {
    const { transport, codec } = this.#settings;
    if (options.from !== undefined) assertStartSupported(transport, options.from);
    return readMessages(transport, codec, selectionOf(this.#registry, selectable), options);
  }
}
