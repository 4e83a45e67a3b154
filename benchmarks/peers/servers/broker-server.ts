// Starts a broker's server for the bench: on private ports, in a directory of its own, ended by its
// own process id. Always true: what this process has started ends with it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { endsWithUs } from "../../leavings.ts";

/** Only this machine reaches a server of the bench. */
export const loopback = "127.0.0.1";
const startMsMax = 90_000;
const stopMsMax = 30_000;
const lookMs = 50;

/** A server that runs. */
export interface BrokerServer {
  /** "host:port" */
  readonly address: string;
  readonly version: string;
  /** What is on disk when it acknowledges a message; where that is not its default, how. */
  readonly durability: string;
  stop(): Promise<void>;
}

/** Starts a server in the directory; undefined: it is not on this machine. */
export type StartBroker = (directory: string) => Promise<BrokerServer | undefined>;

/** The first of these programs that is on this machine, by path or by name. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return names
    .flatMap((name) => (name.includes("/") ? [name] : folders.map((folder) => join(folder, name))))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** A port that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, loopback);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Starts a program and waits until it listens on the port; returns what ends it. */
export async function startProgram(
  program: string,
  words: readonly string[],
  port: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<() => Promise<void>> {
  const env = { ...process.env, ...environment };
  const child = endsWithUs(spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"] }));
  let output = "";
  const take = (text: string): void => void (output = `${output}${text}`.slice(-20_000));
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  const ended = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill();
    const timer = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
    await ended;
    clearTimeout(timer);
  };
  for (const endsAt = performance.now() + startMsMax; !(await isListening(port)); ) {
    if (child.exitCode !== null || performance.now() > endsAt) {
      await stop();
      throw new Error(`${program} does not listen on port ${port}:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  return stop;
}

function isListening(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, loopback);
  socket.once("connect", () => resolve(true));
  socket.once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
