// nats-server with JetStream on files.
import { findProgram, printedBy } from "../programs.ts";
import { loopback } from "../probe.ts";
import type { Recipe } from "../recipe.ts";

/** See the head of this file. */
export const nats: Recipe = {
  title: "NATS",
  portCount: 1,
  readyTimeoutMs: 30_000,
  leaveSignal: "SIGKILL",
  collision: /address already in use/i,
  urlOf: (port) => `nats://${loopback}:${port}`,
  find() {
    const program = findProgram("nats-server");
    if (program === undefined) {
      return { lacks: [{ what: "nats-server is not installed", packages: ["nats-server"] }] };
    }
    const version = /\d+\.\d+\.\d+/.exec(printedBy(program, ["--version"]))?.[0];
    return {
      lacks: [],
      ...(version === undefined ? {} : { version }),
      plan: ({ directory, ports: [port], config }) => ({
        files: { "nats.conf": config },
        setUp: [],
        programs: [
          {
            name: "nats-server",
            program,
            // What is said here counts more than what is in the file.
            words: ["--config", "nats.conf", "--addr", loopback, "--port", String(port)].concat([
              "--jetstream",
              "--store_dir",
              directory,
            ]),
          },
        ],
      }),
    };
  },
  probe: {
    // The server speaks first: INFO {…}\r\n
    read(received) {
      const line = /^INFO (\{.*\})\s*\r\n/.exec(received.toString("latin1"))?.[1];
      if (line === undefined) return undefined;
      const { version } = JSON.parse(line) as { readonly version?: string };
      return { version };
    },
  },
};
