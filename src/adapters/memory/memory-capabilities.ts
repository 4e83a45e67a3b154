// What the memory transport can do. Data only.
import type { Capabilities } from "../../ports/capabilities.ts";

/** All but what needs a disk, or another process. */
export const memoryCapabilities: Capabilities = {
  durable: "no",
  multiProcess: "no",
  orderByKey: "native",
  individualSettlement: "native",
  atomicUnit: "native",
  deduplication: "native",
  delayedDelivery: "native",
  delayedCancellation: "native",
  priority: "native",
  replayFromOffset: "native",
  replayFromTime: "native",
  retention: "native",
  compression: "no",
  channelLimits: "native",
  channelRemoval: "native",
};
