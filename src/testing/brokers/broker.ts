// Brokers on demand: a private server for a test, from what is installed on this machine. Owns the
// public interface; the work is in local-broker.ts, what differs between brokers in servers/.
// Always true: nothing is downloaded or installed unless installBroker() is called.
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { BrokerName } from "./broker-names.ts";
import {
  assertBrokerName,
  type BrokerOptions,
  type ResolvedBrokerOptions,
  resolveBrokerOptions,
} from "./broker-options.ts";
import { type BrokerParts, type BrokerState, LocalBroker } from "./local-broker.ts";
import { loopback } from "./probe.ts";
import type { Found } from "./recipe.ts";
import { recipes } from "./servers/recipes.ts";

/** How often a start is tried when another process takes a port between its choice and its use. */
export const portAttemptsMax = 3;

/**
 * A running broker of a test. Its data lies in a temporary directory, survives stop(), kill() and
 * restart(), and goes with close(). Calls take turns in the order in which they were made.
 */
export interface Broker extends AsyncDisposable {
  /** Which one it is. */
  readonly name: BrokerName;
  /** Always "127.0.0.1": only this machine reaches it. */
  readonly host: string;
  /** Where clients connect to; the same after a restart. */
  readonly port: number;
  /**
   * What its clients take: "nats://127.0.0.1:port", "postgres://postgres@127.0.0.1:port/postgres",
   * "amqp://guest:guest@127.0.0.1:port"; for Kafka a bootstrap broker, "127.0.0.1:port".
   */
  readonly url: string;
  /** The server's version, or "unknown". */
  readonly version: string;
  /** Where its files lie; for PostgreSQL also its socket. */
  readonly directory: string;
  /** Its servers' processes, without those that they started themselves; none while it is down. */
  readonly pids: readonly number[];
  /** What it does right now. */
  readonly state: BrokerState;
  /** Ends it cleanly, and after `stopTimeoutMs` by force. */
  stop(): Promise<void>;
  /** Kills every process of it with SIGKILL; resolves when they are gone. */
  kill(): Promise<void>;
  /** Stops every process of it with SIGSTOP, as a machine that hangs; connections stay open. */
  freeze(): Promise<void>;
  /** Lets a frozen broker go on. */
  thaw(): Promise<void>;
  /**
   * Starts it again on the same port and data, after stop() where it runs; resolves when it
   * answers. Throws BROKER_FAILED with the server's last lines when it does not.
   */
  restart(): Promise<void>;
  /** The last lines that its servers wrote, 20 of each by default. */
  logTail(linesMax?: number): readonly string[];
  /** Kills it and removes its directory. `await using` does the same. */
  close(): Promise<void>;
}

/** Whether a broker can be started on this machine. */
export interface BrokerFinding {
  /** Which one. */
  readonly name: BrokerName;
  /** As people call it, as in "Apache Kafka". */
  readonly title: string;
  /** The version that would be started, where it is known before. */
  readonly version: string | undefined;
  /** What lacks and how to get it, for people; undefined: it can be started. */
  readonly missing: string | undefined;
}

/**
 * Starts a private broker for a test, from what is installed: on a free port of 127.0.0.1, with its
 * files in a temporary directory. Resolves when the server answers in its own protocol.
 *
 * No process of it outlives this one, however this one ends: a small guardian process beside it
 * kills the servers and removes the directory, after Ctrl-C, a failed test or SIGKILL too. A broker
 * that was not closed does not keep this process alive.
 *
 * Needs Linux or macOS. Throws BROKER_MISSING with what to install, and BROKER_FAILED with the
 * server's own last lines when it ends early or is not ready within `readyTimeoutMs`. PostgreSQL
 * refuses to run as root; for root it runs as the user nobody. PostgreSQL, NATS and Kafka let in
 * anybody on this machine.
 *
 * @example
 * import { findBroker, startBroker } from "spillway/testing";
 * if (findBroker("nats").missing === undefined) {
 *   await using broker = await startBroker("nats", { config: "max_payload: 1MB" });
 *   console.log(broker.url); // nats://127.0.0.1:…
 *   await broker.kill();
 *   await broker.restart();
 * }
 */
export async function startBroker(name: BrokerName, options: BrokerOptions = {}): Promise<Broker> {
  const resolved = resolveBrokerOptions(name, options);
  return brokerOf(name, await startLocal(partsOf(name), resolved));
}

/**
 * Looks whether a broker can be started here, without starting it.
 *
 * @example
 * import { findBroker } from "spillway/testing";
 * const { title, missing } = findBroker("kafka");
 * console.log(missing ?? `${title} can be started`);
 */
export function findBroker(name: BrokerName): BrokerFinding {
  assertBrokerName(name);
  const { title } = recipes[name];
  const found = findHere(name);
  if (found.lacks.length > 0)
    return { name, title, version: undefined, missing: missingWords(name, found) };
  return { name, title, version: "plan" in found ? found.version : undefined, missing: undefined };
}

/** What a broker is made from. Throws BROKER_MISSING where something lacks. */
export function partsOf(name: BrokerName): BrokerParts {
  const found = findHere(name);
  if ("plan" in found) return { name, recipe: recipes[name], found };
  const packages = found.lacks.flatMap((lack) => lack.packages);
  throw new SpillwayError("BROKER_MISSING", missingWords(name, found), {
    details: { broker: name, lacks: found.lacks.map(({ what }) => what), packages },
  });
}

/** Starts it; anew with other ports where somebody took one of them meanwhile. */
export async function startLocal(
  parts: BrokerParts,
  options: ResolvedBrokerOptions,
): Promise<LocalBroker> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await LocalBroker.start(parts, options);
    } catch (error) {
      if (attempt === portAttemptsMax || !isCollision(error, parts, options)) throw error;
    }
  }
}

function isCollision(error: unknown, parts: BrokerParts, options: ResolvedBrokerOptions): boolean {
  if (!(error instanceof SpillwayError) || error.code !== "BROKER_FAILED") return false;
  const { port } = error.details;
  if (typeof port === "number") return port !== options.port;
  return options.port === undefined && parts.recipe.collision.test(error.message);
}

function findHere(name: BrokerName): Found {
  if (process.platform !== "win32") return recipes[name].find();
  return { lacks: [{ what: "brokers on demand need Linux or macOS", packages: [] }] };
}

function missingWords(name: BrokerName, { lacks }: Found): string {
  const packages = [...new Set(lacks.flatMap((lack) => lack.packages))];
  const recipe = recipes[name];
  const call = `installBroker("${name}") of spillway/testing`;
  const command = `npm run brokers -- install ${name} in Spillway's repository`;
  const apt = packages.length > 0 ? `apt-get install ${packages.join(" ")}, ` : "";
  const next = apt === "" ? "" : recipe.fetch === undefined ? "or " : "then ";
  const what = lacks.map((lack) => lack.what).join("; ");
  const how = `${apt}${next}${call}, which is ${command}`;
  return `${recipe.title} cannot be started: ${what}. To get it: ${how}`;
}

function brokerOf(name: BrokerName, local: LocalBroker): Broker {
  return {
    name,
    host: loopback,
    port: local.port,
    url: local.url,
    directory: local.directory,
    get version() {
      return local.version;
    },
    get pids() {
      return local.pids;
    },
    get state() {
      return local.state;
    },
    stop: () => local.stop(),
    kill: () => local.kill(),
    freeze: () => local.freeze(),
    thaw: () => local.thaw(),
    restart: () => local.restart(),
    logTail: (linesMax) => local.logTail(linesMax),
    close: () => local.close(),
    [Symbol.asyncDispose]: () => local.close(),
  };
}
