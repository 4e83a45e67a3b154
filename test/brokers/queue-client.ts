// The bench's clients of NATS and RabbitMQ, as writers and readers of one queue of texts.
import type { ConnectBroker } from "../../benchmarks/peers/clients/broker-client.ts";
import { makeOrder } from "../../benchmarks/payloads.ts";
import type { LocalBroker } from "../../src/testing/brokers/local-broker.ts";
import type { RealBroker } from "./real-broker.ts";

const queue = "kept";
const addressOf = ({ port }: LocalBroker): string => `127.0.0.1:${port}`;

/** Stores each text as one confirmed message; makes the queue first. */
export function writeThrough(connect: ConnectBroker): RealBroker["write"] {
  const declared = new WeakSet<LocalBroker>();
  return async (broker, text) => {
    const client = await connect(addressOf(broker));
    if (!declared.has(broker)) await client.declare(queue);
    declared.add(broker);
    await client.publish(queue, { ...makeOrder(0, 100), orderId: text });
    await client.close();
  };
}

/** Reads every message, and looks that there is not one more than the last. */
export function readThrough(connect: ConnectBroker, last = "after the thaw"): RealBroker["read"] {
  return async (broker) => {
    const client = await connect(addressOf(broker));
    const texts: string[] = [];
    const enough = Promise.withResolvers<void>();
    const end = await client.consume(queue, async ({ orderId: id }) => {
      texts.push(id);
      if (id === last) enough.resolve();
    });
    await enough.promise;
    await end();
    await client.close();
    return texts;
  };
}
