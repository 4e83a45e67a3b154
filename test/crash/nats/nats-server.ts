// Starts a nats-server with JetStream in a directory that it may have had before, on a port of its
// own, with its default settings, and reads what a stream in it holds. A broker of the testing kit
// would have a new directory, and a process beside it that would not stand still with it.
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { findBroker } from "spillway/testing";
import { systemRandom } from "../../../src/kernel/random.ts";
import { freePorts } from "../../../src/testing/brokers/free-ports.ts";
import type { NatsClient } from "./nats-client.ts";

/** The stream of the comparison, and the subject of its messages. */
export const stream = "transfers";

/** The version of the installed server; undefined where there is none. */
export function natsVersion(): string | undefined {
  return findBroker("nats").version;
}

/** A running server. */
export interface NatsServer {
  readonly process: ChildProcess;
  readonly port: number;
}

/** Starts a server; its clients connect as soon as it listens. */
export async function startNats(directory: string): Promise<NatsServer> {
  const [port = 0] = await freePorts(1, systemRandom);
  const words = ["--jetstream", "--store_dir", directory, "--addr", "127.0.0.1", "--port"];
  const server = spawn("nats-server", [...words, `${port}`], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  return { process: server, port };
}

/** Makes the stream: in files, one replica, everything else as the server has it. */
export async function makeStream(client: NatsClient): Promise<void> {
  const config = { name: stream, subjects: [stream], storage: "file", num_replicas: 1 };
  await api(client, `STREAM.CREATE.${stream}`, { ...config });
}

/** A message of the stream; offsets count from 0. */
export interface StreamMessage {
  readonly offset: number;
  readonly payload: string;
}

/** What the stream holds; undefined where the server knows no such stream. */
export async function readStream(client: NatsClient): Promise<StreamMessage[] | undefined> {
  const info = await api(client, `STREAM.INFO.${stream}`, {});
  if (info.error !== undefined) return undefined;
  const messages = info.state?.messages ?? 0;
  const found: StreamMessage[] = [];
  client.subscribe("deliver.here", ({ reply = "", payload }) => {
    // $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence in the stream>…
    found.push({ offset: Number(reply.split(".")[5]) - 1, payload: payload.toString() });
  });
  await api(client, `CONSUMER.CREATE.${stream}`, {
    stream_name: stream,
    config: { deliver_subject: "deliver.here", deliver_policy: "all", ack_policy: "none" },
  });
  for (let before = -1; found.length < messages && found.length !== before; ) {
    before = found.length;
    await pause(1_000);
  }
  return found;
}

interface Answer {
  readonly error?: { readonly description: string };
  readonly state?: { readonly messages: number };
}

async function api(client: NatsClient, call: string, request: object): Promise<Answer> {
  const answer = await client.request(`$JS.API.${call}`, JSON.stringify(request));
  return JSON.parse(answer.toString()) as Answer;
}
