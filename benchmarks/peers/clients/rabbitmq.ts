// The RabbitMQ client: quorum queues, publisher confirms, acknowledgement of each message.
import { Connection } from "rabbitmq-client";
import type { Order } from "../../payloads.ts";
import { type ConnectBroker, prefetch } from "./broker-client.ts";

/** Connects. */
export const connectRabbitmq: ConnectBroker = async (address) => {
  const connection = new Connection(`amqp://guest:guest@${address}`);
  await connection.onConnect();
  const publisher = connection.createPublisher({ confirm: true });
  return {
    async declare(queue) {
      const kind = { "x-queue-type": "quorum" } as const;
      await connection.queueDeclare({ queue, durable: true, arguments: kind });
    },
    publish: (queue, order) => publisher.send({ routingKey: queue, durable: true }, order),
    async consume(queue, handle) {
      const consumer = connection.createConsumer(
        { queue, queueOptions: { passive: true }, qos: { prefetchCount: prefetch } },
        (message) => handle(message.body as Order),
      );
      return () => consumer.close();
    },
    async close() {
      await publisher.close();
      await connection.close();
    },
  };
};
