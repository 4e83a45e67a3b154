// The publisher of the crash suites, for a stream of nats-server: the same messages, the same
// number of callers and the same notes.
import { openSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { keysPerPublisher, transferOf } from "../fixtures/bank.ts";
import { NatsClient } from "./nats-client.ts";
import { makeStream, stream } from "./nats-server.ts";

const [portText = "", notes = "", name = "", pauseText = "0"] = process.argv.slice(2);
const pauseMs = Number(pauseText);
const file = openSync(notes, "a");
const client = await NatsClient.connect(Number(portText));
await makeStream(client);

// Without the test process there is nobody to stop this one.
process.on("disconnect", () => process.exit());

let index = 0;
async function publishOne(index: number): Promise<void> {
  const key = `${name}-${index % keysPerPublisher}`;
  const sequence = Math.floor(index / keysPerPublisher);
  const id = `${key}-${sequence}`;
  writeSync(file, `try ${id} ${key} ${sequence} ${index}\n`);
  const message = { id, ...transferOf(key, sequence, index) };
  const answer = await client.request(stream, JSON.stringify(message));
  const { seq, error } = JSON.parse(answer.toString()) as { seq?: number; error?: object };
  if (seq === undefined) throw new Error(`not stored: ${JSON.stringify(error)}`);
  writeSync(file, `ack ${id} ${seq - 1} ${process.hrtime.bigint()}\n`);
}

const caller = async (): Promise<void> => {
  for (;;) {
    await publishOne(index++);
    await pause(pauseMs);
  }
};
await Promise.all(Array.from({ length: 200 }, caller));
