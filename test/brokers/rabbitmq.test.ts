// RabbitMQ on demand, asked with a client: a quorum queue.
import { connectRabbitmq } from "../../benchmarks/peers/clients/rabbitmq.ts";
import { readThrough, writeThrough } from "./queue-client.ts";
import { testRealBroker } from "./real-broker.ts";

testRealBroker({
  name: "rabbitmq",
  write: writeThrough(connectRabbitmq),
  read: readThrough(connectRabbitmq),
  wrongConfig: "channel_max = many\n",
  itsWords: /channel_max/,
});
