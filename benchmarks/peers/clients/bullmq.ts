// BullMQ on Redis: a job for each message, gone when it is done.
import { type Job, Queue, Worker } from "bullmq";
import type { Order } from "../../payloads.ts";
import type { ConnectBroker } from "./broker-client.ts";

/** Jobs that one worker has in hand: more were not faster. */
const concurrency = 200;

/** Connects. */
export const connectBullmq: ConnectBroker = async (address) => {
  const [host = "", port] = address.split(":");
  const connection = { host, port: Number(port) };
  const queues = new Map<string, Queue<Order>>();
  return {
    async declare(name) {
      const queue = new Queue<Order>(name, { connection });
      queues.set(name, queue);
      await queue.waitUntilReady();
    },
    async publish(name, order) {
      await queues.get(name)?.add("order", order, { removeOnComplete: true });
    },
    async consume(name, handle) {
      const worker = new Worker(name, (job: Job<Order>) => handle(job.data), {
        connection: { ...connection, maxRetriesPerRequest: null },
        concurrency,
      });
      await worker.waitUntilReady();
      // Everything is handled by then; a close that waits for an empty queue waits for its polling.
      return () => worker.close(true);
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
};
