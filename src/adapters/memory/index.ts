// The memory adapter, `spillway/memory`: the plain reference model of the transport port, for tests
// and for work that may be lost. Nothing of it survives the process.
import { assertKnownOptions, optionNames } from "../../errors/known-options.ts";
import type { Transport } from "../../ports/transport.ts";
import { MemoryTransport } from "./memory-transport.ts";

/** Options of memory(). */
export interface MemoryOptions {
  /** Payload bytes held before append rejects with BACK_PRESSURE. Default 512 MiB. */
  readonly bytesMax?: number;
  /** How long given ids are remembered, in milliseconds. Default 10 minutes. */
  readonly dedupeWindowMs?: number;
  /** How many given ids a channel remembers. Default 1,000,000. */
  readonly dedupeCountMax?: number;
}

const known = optionNames<MemoryOptions>({
  bytesMax: true,
  dedupeWindowMs: true,
  dedupeCountMax: true,
});

/**
 * A transport and state store in this process's memory. One bus owns it: a second one that opens it
 * is refused with UNSUPPORTED.
 *
 * @example
 * import { createBus } from "spillway";
 * import { memory } from "spillway/memory";
 * await using bus = await createBus({ name: "test", transport: memory() });
 */
export function memory(options: MemoryOptions = {}): Transport {
  assertKnownOptions(options, known, "memory()");
  return new MemoryTransport({
    bytesMax: options.bytesMax ?? 536_870_912,
    dedupeWindowMs: options.dedupeWindowMs ?? 600_000,
    dedupeCountMax: options.dedupeCountMax ?? 1_000_000,
  });
}
