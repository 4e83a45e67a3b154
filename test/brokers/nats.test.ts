// NATS on demand, asked with its own client: a stream on files.
import { connectNats } from "../../benchmarks/peers/clients/nats.ts";
import { readThrough, writeThrough } from "./queue-client.ts";
import { testRealBroker } from "./real-broker.ts";

testRealBroker({
  name: "nats",
  write: writeThrough(connectNats),
  read: readThrough(connectNats),
  wrongConfig: "max_payload: many\n",
  itsWords: /nats\.conf:1/,
});
