// redis-server with an append-only file that is synced before each answer.
import { execFileSync } from "node:child_process";
import {
  findProgram,
  freePort,
  loopback,
  type StartBroker,
  startProgram,
} from "./broker-server.ts";

/** Starts it. */
export const startRedis: StartBroker = async (directory) => {
  const program = findProgram("redis-server");
  if (program === undefined) return undefined;
  const printed = execFileSync(program, ["--version"], { encoding: "utf8" });
  const port = await freePort();
  const words = Object.entries({
    port,
    bind: loopback,
    dir: directory,
    appendonly: "yes",
    appendfsync: "always",
    save: "",
    "maxmemory-policy": "noeviction",
  }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const stop = await startProgram(program, words, port);
  return {
    address: `${loopback}:${port}`,
    version: `Redis ${/v=(\S+)/.exec(printed)?.[1] ?? "unknown"}`,
    durability: "appendfsync always (not its default, which is no file, or one sync a second)",
    stop,
  };
};
