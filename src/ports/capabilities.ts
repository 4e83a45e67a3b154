// What a transport can do, declared by each one and checked by the bus at start-up: a guarantee
// that the transport cannot give is refused, never silently weakened.

/** How a capability is provided. */
export type Support = "native" | "emulated" | "no";

/** The capabilities of a transport, by name. */
export interface Capabilities {
  /** An acknowledged message survives the process and a power cut. */
  readonly durable: Support;
  /** Several processes can share one transport. */
  readonly multiProcess: Support;
  /** Messages with one key are delivered in order, also across retries. */
  readonly orderByKey: Support;
  /** Each message is settled by itself; others need not wait. */
  readonly individualSettlement: Support;
  /** Acknowledgement, state and outgoing messages commit together or not at all. */
  readonly atomicUnit: Support;
  /** A repeat of a given id within the window is stored once. */
  readonly deduplication: Support;
  /** A message can be published now and become visible later. */
  readonly delayedDelivery: Support;
  /** A delayed message can be cancelled, and listed, before it is due. */
  readonly delayedCancellation: Support;
  /** High, normal and low priority have lanes of their own. */
  readonly priority: Support;
  /** A group or reader can start at an offset. */
  readonly replayFromOffset: Support;
  /** A group or reader can start at a time. */
  readonly replayFromTime: Support;
  /** Old messages are removed by age and by bytes, never past a living group. */
  readonly retention: Support;
  /** Batches can be compressed per channel. */
  readonly compression: Support;
  /** Channel `limits` and `overflow` are enforced before acknowledgement. */
  readonly channelLimits: Support;
  /** A channel can be removed with everything in it. */
  readonly channelRemoval: Support;
}

/** The name of one capability. */
export type Capability = keyof Capabilities;
