// rabbitmq-server: one node with a name, ports, a cookie and a daemon of names (epmd) of its own.
import { findProgram } from "../programs.ts";
import { loopback } from "../probe.ts";
import type { Lack, Recipe } from "../recipe.ts";

/** Debian's program of the same name in PATH changes the user first; the one here does not. */
const folders = ["/usr/lib/rabbitmq/bin"];
const packages = ["rabbitmq-server"];

/** The header of AMQP 0-9-1, which the server answers with connection.start. */
const header = Buffer.from([...Buffer.from("AMQP"), 0, 0, 9, 1]);
const methodFrame = 1;
const connectionStart = Buffer.from([0, 10, 0, 10]);

/** See the head of this file. */
export const rabbitmq: Recipe = {
  title: "RabbitMQ",
  portCount: 3,
  readyTimeoutMs: 120_000,
  leaveSignal: "SIGKILL",
  collision: /eaddrinuse|address already in use/i,
  // The reports of crashed Erlang processes, which bury the reason under their fields.
  noise: />\s{4,}\S|crasher:|neighbours:|Kernel pid terminated|Crash dump|(^|> )=*$/,
  urlOf: (port) => `amqp://guest:guest@${loopback}:${port}`,
  find() {
    const server = findProgram("rabbitmq-server", folders);
    const names = findProgram("epmd");
    if (server === undefined || names === undefined) {
      const lack = (name: string): Lack => ({ what: `${name} is not installed`, packages });
      return { lacks: [lack(server === undefined ? "rabbitmq-server" : "epmd")] };
    }
    return {
      lacks: [],
      plan({ directory, ports: [port, distributionPort = 0, namesPort = 0], config }) {
        const environment = environmentOf(directory, port, distributionPort, namesPort);
        return {
          files: {
            "rabbitmq.conf": `disk_free_limit.absolute = 50MB\n${config}`,
            "enabled-plugins": "[].\n",
            environment: "",
          },
          setUp: [],
          programs: [
            { name: "epmd", program: names, words: [], environment, listensOn: namesPort },
            { name: "rabbitmq-server", program: server, words: [], environment },
          ],
        };
      },
    };
  },
  probe: {
    question: header,
    read(received) {
      if (received.readUInt8(0) !== methodFrame) return undefined;
      const size = received.readUInt32BE(3);
      if (received.length < 7 + size || !received.subarray(7, 11).equals(connectionStart)) {
        return undefined;
      }
      // A field of the table of server properties: its name, "S", the length, the text.
      const text = received.toString("latin1");
      const version = /versionS.{4}([\w.+-]+)/s.exec(text)?.[1];
      return { version };
    },
  },
};

function environmentOf(
  directory: string,
  port: number,
  distributionPort: number,
  namesPort: number,
): Readonly<Record<string, string>> {
  return {
    ERL_EPMD_ADDRESS: loopback,
    ERL_EPMD_PORT: String(namesPort),
    ERL_CRASH_DUMP_SECONDS: "0",
    // Threads that spin while they wait take the processor from the test.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+sbwt none +sbwtdcpu none +sbwtdio none",
    RABBITMQ_NODENAME: "spillway@localhost",
    RABBITMQ_NODE_IP_ADDRESS: loopback,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_CONF_ENV_FILE: `${directory}/environment`,
    RABBITMQ_CONFIG_FILE: `${directory}/rabbitmq.conf`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${directory}/enabled-plugins`,
    RABBITMQ_MNESIA_BASE: `${directory}/data`,
    RABBITMQ_LOG_BASE: `${directory}/log`,
    RABBITMQ_LOGS: "-",
    // The node itself instead of a shell that waits for it and passes signals on.
    RUNNING_UNDER_SYSTEMD: "true",
  };
}
