// nats-server with JetStream on files. From 2.10 on it can be told to sync before it acknowledges.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  findProgram,
  freePort,
  loopback,
  type StartBroker,
  startProgram,
} from "./broker-server.ts";

/** Starts it. */
export const startNats: StartBroker = async (directory) => {
  const program = findProgram("nats-server");
  if (program === undefined) return undefined;
  const printed = execFileSync(program, ["--version"], { encoding: "utf8" });
  const version = /v?(\d+)\.(\d+)\.(\d+)/.exec(printed);
  const [, major = 0, minor = 0] = (version ?? []).map(Number);
  const canSync = major > 2 || (major === 2 && minor >= 10);
  const port = await freePort();
  const sync = canSync ? ", sync_interval: always" : "";
  const config = join(directory, "nats.conf");
  writeFileSync(config, `jetstream { store_dir: ${JSON.stringify(directory)}${sync} }\n`);
  const words = ["--addr", loopback, "--port", String(port), "--config", config];
  const stop = await startProgram(program, words, port);
  return {
    address: `${loopback}:${port}`,
    version: version?.[0] ?? "unknown",
    durability: canSync
      ? "sync_interval: always (not its default, which syncs every two minutes)"
      : "NOT on disk when acknowledged: it syncs every two minutes, and only 2.10 and later can " +
        "be told otherwise",
    stop,
  };
};
