// The brokers that can be started on demand.

/** The brokers that can be started on demand, quickest first. */
export const brokerNames = ["nats", "postgres", "rabbitmq", "kafka"] as const;

/** A broker that can be started on demand. */
export type BrokerName = (typeof brokerNames)[number];
