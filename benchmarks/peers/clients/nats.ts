// The NATS JetStream client: a stream on files for each queue, a durable pull consumer with
// acknowledgement of each message.
import { AckPolicy, jetstream, jetstreamManager, StorageType } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { Order } from "../../payloads.ts";
import { type ConnectBroker, prefetch } from "./broker-client.ts";

const durable = "bench";

/** Connects. */
export const connectNats: ConnectBroker = async (address) => {
  const connection = await connect({ servers: address });
  const manager = await jetstreamManager(connection);
  const client = jetstream(connection);
  return {
    async declare(queue) {
      await manager.streams.add({ name: queue, subjects: [queue], storage: StorageType.File });
      await manager.consumers.add(queue, {
        durable_name: durable,
        ack_policy: AckPolicy.Explicit,
        max_ack_pending: 2 * prefetch,
      });
    },
    async publish(queue, order) {
      await client.publish(queue, JSON.stringify(order));
    },
    async consume(queue, handle) {
      const consumer = await client.consumers.get(queue, durable);
      const messages = await consumer.consume({ max_messages: prefetch });
      const handling = (async () => {
        for await (const message of messages) {
          await handle(message.json<Order>());
          message.ack();
        }
      })();
      return async () => {
        messages.stop();
        await handling;
      };
    },
    close: () => connection.drain(),
  };
};
