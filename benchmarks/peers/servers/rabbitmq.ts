// rabbitmq-server, one node with a name, ports and a daemon of names (epmd) of its own. A quorum
// queue confirms what is synced to its write-ahead log.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  findProgram,
  freePort,
  loopback,
  type StartBroker,
  startProgram,
} from "./broker-server.ts";

/** Debian's program of the same name in the path changes the user first; this one does not. */
const programs = ["/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"] as const;

/** Starts it. */
export const startRabbitmq: StartBroker = async (directory) => {
  const program = findProgram(...programs);
  const namesProgram = findProgram("epmd");
  if (program === undefined || namesProgram === undefined) return undefined;
  const file = (name: string): string => join(directory, name);
  writeFileSync(file("plugins"), "[].\n");
  writeFileSync(file("environment"), "");
  writeFileSync(file("rabbitmq.conf"), "disk_free_limit.absolute = 50MB\n");
  const [port, distributionPort, namesPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const environment = {
    HOME: directory,
    ERL_EPMD_ADDRESS: loopback,
    ERL_EPMD_PORT: String(namesPort),
    RABBITMQ_NODENAME: `spillway-bench-${process.pid}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: loopback,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_CONF_ENV_FILE: file("environment"),
    RABBITMQ_CONFIG_FILE: file("rabbitmq.conf"),
    RABBITMQ_ENABLED_PLUGINS_FILE: file("plugins"),
    RABBITMQ_MNESIA_BASE: file("data"),
    RABBITMQ_LOG_BASE: file("logs"),
    RABBITMQ_LOGS: file("log"),
  };
  const stopNames = await startProgram(namesProgram, [], namesPort, environment);
  const stopServer = await startProgram(program, [], port, environment).catch(
    async (error: unknown) => {
      await stopNames();
      throw error;
    },
  );
  return {
    address: `${loopback}:${port}`,
    version: /RabbitMQ (\d[\d.]*)/.exec(readFileSync(file("log"), "utf8"))?.[1] ?? "unknown",
    durability: "quorum queue, confirmed when its log is synced (the default of such a queue)",
    async stop() {
      await stopServer();
      await stopNames();
    },
  };
};
