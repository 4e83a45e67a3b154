// What startBroker() takes: names, defaults, limits and their check. Always true: resolved options
// are complete and valid; a bad set is refused with all of its faults at once.
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { unknownOption } from "../../errors/known-options.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { type BrokerName, brokerNames } from "./broker-names.ts";
import { recipes } from "./servers/recipes.ts";

/** Options of startBroker(); none is required. */
export interface BrokerOptions {
  /**
   * Lines added to the server's own configuration: of nats-server, rabbitmq.conf,
   * server.properties or postgresql.conf. Leave the listener on 127.0.0.1 as it is: it is how the
   * broker is seen to be ready.
   */
  readonly config?: string;
  /** Where clients connect to. Default: a free port. */
  readonly port?: number;
  /**
   * How long a start may take, in milliseconds. Default 30,000 for NATS, 60,000 for PostgreSQL,
   * 120,000 for RabbitMQ and Kafka: many times what they take on a quiet machine.
   */
  readonly readyTimeoutMs?: number;
  /** How long stop() waits before it kills, in milliseconds. Default 30,000. */
  readonly stopTimeoutMs?: number;
  /**
   * The folder in which the broker's own directory is made. Default: the system's for such. For
   * PostgreSQL as root it has to let the user nobody through.
   */
  readonly parentDirectory?: string;
}

/** Options with every default filled in. */
export interface ResolvedBrokerOptions extends Required<Omit<BrokerOptions, "port">> {
  /** Undefined: a free one. */
  readonly port: number | undefined;
}

const stopTimeoutMsDefault = 30_000;
const timeoutMsMax = 3_600_000;

/** Options and their smallest and largest value. */
const numbers = {
  port: [1, 65_535],
  readyTimeoutMs: [1, timeoutMsMax],
  stopTimeoutMs: [1, timeoutMsMax],
} as const satisfies Partial<Record<keyof BrokerOptions, readonly [number, number]>>;

/** Fills in defaults. Throws INVALID_ARGUMENT with every fault, named with its value. */
export function resolveBrokerOptions(
  name: BrokerName,
  options: BrokerOptions,
): ResolvedBrokerOptions {
  assertBrokerName(name);
  const faults: string[] = [];
  const { config = "", parentDirectory = tmpdir() } = options;
  const known = new Set(["config", "parentDirectory", ...Object.keys(numbers)]);
  for (const option of Object.keys(options)) {
    if (!known.has(option)) faults.push(unknownOption(option, known));
  }
  if (typeof config !== "string") {
    faults.push(`config is of type ${typeof config}: give lines of text`);
  }
  if (typeof parentDirectory !== "string" || parentDirectory === "") {
    faults.push(`parentDirectory is ${JSON.stringify(parentDirectory)}: give the path of a folder`);
  }
  for (const [option, [min, max]] of Object.entries(numbers)) {
    const value: unknown = options[option as keyof typeof numbers];
    const isGood = Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
    if (value === undefined || isGood) continue;
    faults.push(`${option} is ${JSON.stringify(value)}: give a whole number from ${min} to ${max}`);
  }
  if (faults.length > 0) {
    const message = `startBroker("${name}"): ${faults.join("; ")}`;
    throw new SpillwayError("INVALID_ARGUMENT", message, { details: { faults } });
  }
  return {
    config,
    parentDirectory: resolve(parentDirectory),
    port: options.port,
    readyTimeoutMs: options.readyTimeoutMs ?? recipes[name].readyTimeoutMs,
    stopTimeoutMs: options.stopTimeoutMs ?? stopTimeoutMsDefault,
  };
}

/** Throws INVALID_ARGUMENT where there is no broker of this name. */
export function assertBrokerName(name: string): asserts name is BrokerName {
  if ((brokerNames as readonly string[]).includes(name)) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(name)} is not a broker: give "${brokerNames.join('", "')}"`,
  );
}
