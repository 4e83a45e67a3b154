// redis-server with an append-only file that is synced before each answer. Not a broker that
// `spillway/testing` offers: its recipe is the bench's own.
import { startLocal } from "../../../src/testing/brokers/broker.ts";
import { findProgram, printedBy } from "../../../src/testing/brokers/programs.ts";
import type { Recipe, Site } from "../../../src/testing/brokers/recipe.ts";
import { serverOf, type StartBroker } from "./broker-server.ts";

const startMsMax = 30_000;
const stopMsMax = 30_000;

const redis: Recipe = {
  title: "Redis",
  portCount: 1,
  readyTimeoutMs: startMsMax,
  leaveSignal: "SIGKILL",
  collision: /address already in use/i,
  urlOf: (port) => `redis://127.0.0.1:${port}`,
  find() {
    const program = findProgram("redis-server");
    if (program === undefined) {
      return { lacks: [{ what: "redis-server is not installed", packages: ["redis-server"] }] };
    }
    const version = /v=(\S+)/.exec(printedBy(program, ["--version"]))?.[1] ?? "unknown";
    const plan = (site: Site) =>
      ({
        files: {},
        setUp: [],
        programs: [{ name: "redis-server", program, words: wordsOf(site) }],
      }) as const;
    return { lacks: [], version: `Redis ${version}`, plan };
  },
  probe: {
    question: Buffer.from("PING\r\n"),
    read: (received) => (received.includes("+PONG\r\n") ? {} : undefined),
  },
};

function wordsOf({ directory, ports: [port] }: Site): readonly string[] {
  return Object.entries({
    port,
    bind: "127.0.0.1",
    dir: directory,
    appendonly: "yes",
    appendfsync: "always",
    save: "",
    "maxmemory-policy": "noeviction",
  }).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

/** Starts it. */
export const startRedis: StartBroker = async (parentDirectory) => {
  const found = redis.find();
  if (!("plan" in found)) return undefined;
  const timeouts = { readyTimeoutMs: startMsMax, stopTimeoutMs: stopMsMax };
  return serverOf(
    await startLocal(
      { name: "redis", recipe: redis, found },
      { config: "", port: undefined, parentDirectory, ...timeouts },
    ),
    "appendfsync always (not its default, which is no file, or one sync a second)",
  );
};
