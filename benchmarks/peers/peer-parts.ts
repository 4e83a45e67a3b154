// The work of a broker's client, the same for each of them: publish with confirmation, fill a
// queue, consume with acknowledgement. Each run has a queue of its own.
import { basename } from "node:path";
import { publishWindowed } from "../bare/publish.ts";
import type { PartInput, PartWork } from "../part-protocol.ts";
import { makeOrder } from "../payloads.ts";
import type { BrokerClient, ConnectBroker } from "./clients/broker-client.ts";
import { connectBullmq } from "./clients/bullmq.ts";
import { connectNats } from "./clients/nats.ts";
import { connectRabbitmq } from "./clients/rabbitmq.ts";
import type { PeerName } from "./peer-names.ts";

/** Messages before the clock starts, so that every client runs compiled code. */
const warmUpMax = 5_000;
const progressEvery = 100;

const queueOf = (input: PartInput): string => basename(input.directory);
const warmUpQueueOf = (input: PartInput): string => `${queueOf(input)}-warm-up`;
const warmUpCount = (input: PartInput): number => Math.min(warmUpMax, input.messages);

function publishAll(
  client: BrokerClient,
  input: PartInput,
  queue: string,
  count: number,
): Promise<void> {
  return publishWindowed(
    (index) => client.publish(queue, makeOrder(index, input.bytes)),
    count,
    input.window,
  );
}

function publish(connect: ConnectBroker): PartWork {
  return async (input) => {
    const client = await connect(input.address ?? "");
    await client.declare(warmUpQueueOf(input));
    await client.declare(queueOf(input));
    await publishAll(client, input, warmUpQueueOf(input), warmUpCount(input));
    await input.go();
    await publishAll(client, input, queueOf(input), input.messages);
    await client.close();
  };
}

function fill(connect: ConnectBroker): PartWork {
  return async (input) => {
    const client = await connect(input.address ?? "");
    await client.declare(warmUpQueueOf(input));
    await client.declare(queueOf(input));
    await input.go();
    await publishAll(client, input, warmUpQueueOf(input), warmUpCount(input));
    await publishAll(client, input, queueOf(input), input.messages);
    await client.close();
  };
}

async function warmUp(client: BrokerClient, input: PartInput): Promise<void> {
  const enough = Promise.withResolvers<void>();
  let left = warmUpCount(input);
  const end = await client.consume(warmUpQueueOf(input), async () => {
    if (--left === 0) enough.resolve();
  });
  await enough.promise;
  await end();
}

function consume(connect: ConnectBroker): PartWork {
  return async (input) => {
    const client = await connect(input.address ?? "");
    await warmUp(client, input);
    await input.go();
    let count = 0;
    const end = await client.consume(queueOf(input), async () => {
      if (++count % progressEvery === 0) input.progress(progressEvery);
    });
    await input.stopped;
    await end();
    await client.close();
  };
}

const connectors: Readonly<Record<PeerName, ConnectBroker>> = {
  nats: connectNats,
  rabbitmq: connectRabbitmq,
  bullmq: connectBullmq,
};

/** Every part by name: "nats-publish", "nats-fill", "nats-consume" and so on. */
export const peerParts: Readonly<Record<string, PartWork>> = Object.fromEntries(
  Object.entries(connectors).flatMap(([name, connect]) => [
    [`${name}-publish`, publish(connect)],
    [`${name}-fill`, fill(connect)],
    [`${name}-consume`, consume(connect)],
  ]),
);
