// The publisher of the crash suites, for a stream of nats-server: the same messages, the same
// number of callers and the same notes.
import { setTimeout as pause } from "node:timers/promises";
import { keysPerPublisher, transferId, transferOf, transfers } from "../fixtures/bank.ts";
import { HistoryNotes } from "../history/history-notes.ts";
import { NatsClient } from "./nats-client.ts";
import { makeStream, stream } from "./nats-server.ts";

const [portText = "", path = "", name = "", pauseText = "0"] = process.argv.slice(2);
const pauseMs = Number(pauseText);
const notes = new HistoryNotes(path, name);
const client = await NatsClient.connect(Number(portText));
await makeStream(client);

// Without the test process there is nobody to stop this one.
process.on("disconnect", () => process.exit());

let index = 0;
async function publishOne(index: number): Promise<void> {
  const key = `${name}-${index % keysPerPublisher}`;
  const sequence = Math.floor(index / keysPerPublisher);
  const transfer = transferOf(key, sequence, index);
  const id = transferId(transfer);
  const value = JSON.stringify(transfer);
  const operation = notes.invoke({ log: transfers.name, id, key, value, publisher: name });
  const message = { id, ...transfer };
  const answer = await client.request(stream, JSON.stringify(message));
  const { seq, error } = JSON.parse(answer.toString()) as { seq?: number; error?: object };
  if (seq === undefined) throw new Error(`not stored: ${JSON.stringify(error)}`);
  notes.note({ kind: "ok", operation, offset: seq - 1 });
}

const caller = async (): Promise<void> => {
  for (;;) {
    await publishOne(index++);
    await pause(pauseMs);
  }
};
await Promise.all(Array.from({ length: 200 }, caller));
