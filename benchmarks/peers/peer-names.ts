// The brokers that Spillway is compared with, by name. Values only.

/** Names as they are printed. */
export const peerNames = ["nats", "rabbitmq", "bullmq"] as const;
/** One of them. */
export type PeerName = (typeof peerNames)[number];
