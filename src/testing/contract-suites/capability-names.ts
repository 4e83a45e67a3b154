// Every capability by name, in the order of the documentation. Kept complete by the compiler.
import type { Capability } from "../../ports/capabilities.ts";

const names: Readonly<Record<Capability, true>> = {
  durable: true,
  multiProcess: true,
  orderByKey: true,
  individualSettlement: true,
  atomicUnit: true,
  deduplication: true,
  delayedDelivery: true,
  delayedCancellation: true,
  priority: true,
  replayFromOffset: true,
  replayFromTime: true,
  retention: true,
  compression: true,
  channelLimits: true,
  channelRemoval: true,
};

/** All capabilities. */
export const capabilityNames = Object.keys(names) as readonly Capability[];
