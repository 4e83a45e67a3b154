/**
 * Brokers on demand from the command line, with the code of `spillway/testing`:
 * `npm run brokers -- up|down|status|install [name…] [--install] [--json]`. Without names, all.
 * Exit codes: 0 done, 1 something could not be done, 2 wrong usage.
 */
import { findBroker, partsOf, startLocal } from "../src/testing/brokers/broker.ts";
import { type BrokerName, brokerNames } from "../src/testing/brokers/broker-names.ts";
import { assertBrokerName, resolveBrokerOptions } from "../src/testing/brokers/broker-options.ts";
import { installBroker } from "../src/testing/brokers/install-broker.ts";
import { ask } from "../src/testing/brokers/probe.ts";
import { recipes } from "../src/testing/brokers/servers/recipes.ts";
import { end, keep, type KeptBroker, keptBroker } from "./brokers/kept-brokers.ts";

const usage = `Usage: npm run brokers -- up|down|status|install [name…] [--install] [--json]

  up        starts private brokers that go on running, on free ports of 127.0.0.1
  down      ends them and removes their files
  status    says which run and where
  install   gets what they need and is not here: packages as root, Kafka with Maven

  name      ${brokerNames.join(", ")}; without one, all of them
  --install before up: install what is missing
  --json    prints one JSON array`;

const answerMs = 2_000;

/** What is told of a broker. */
interface Told extends Partial<KeptBroker> {
  readonly name: BrokerName;
  readonly state: "running" | "not answering" | "down" | "installed" | "failed";
  /** Why, for people. */
  readonly message?: string;
}

interface Command {
  readonly verb: keyof typeof verbs;
  readonly names: readonly BrokerName[];
  readonly installs: boolean;
  readonly isJson: boolean;
}

const report = (line: string): void => console.error(line);

const verbs = {
  async up(name: BrokerName, { installs }: Command): Promise<Told> {
    const running = keptBroker(name);
    if (running !== undefined) return { ...running, state: "running", message: "already up" };
    if (installs) await installBroker(name, report);
    const broker = await startLocal(partsOf(name), resolveBrokerOptions(name, {}));
    const kept = await keep(name, broker);
    if (kept !== undefined) return { ...kept, state: "running" };
    await broker.close();
    return verbs.status(name);
  },
  async down(name: BrokerName): Promise<Told> {
    const kept = keptBroker(name);
    if (kept !== undefined) await end(kept);
    return { name, state: "down", ...(kept === undefined ? { message: "was not up" } : {}) };
  },
  async status(name: BrokerName): Promise<Told> {
    const kept = keptBroker(name);
    if (kept === undefined) {
      const { missing: message } = findBroker(name);
      return { name, state: "down", ...(message === undefined ? {} : { message }) };
    }
    const answer = await ask(kept.port, recipes[name].probe, answerMs);
    return { ...kept, state: answer === undefined ? "not answering" : "running" };
  },
  async install(name: BrokerName): Promise<Told> {
    await installBroker(name, report);
    return { name, state: "installed" };
  },
};

function parse(words: readonly string[]): Command {
  const switches = words.filter((word) => word.startsWith("-"));
  const [verb = "", ...names] = words.filter((word) => !word.startsWith("-"));
  const unknown = switches.find((word) => !["--install", "--json"].includes(word));
  if (unknown !== undefined) throw new Error(`unknown switch ${unknown}`);
  if (!isVerb(verb)) throw new Error(verb === "" ? "say what to do" : `unknown command ${verb}`);
  if (switches.includes("--install") && verb !== "up") throw new Error("--install goes with up");
  const chosen = names.map((name) => {
    assertBrokerName(name);
    return name;
  });
  return {
    verb,
    names: chosen.length > 0 ? [...new Set(chosen)] : brokerNames,
    installs: switches.includes("--install"),
    isJson: switches.includes("--json"),
  };
}

function isVerb(word: string): word is Command["verb"] {
  return Object.hasOwn(verbs, word);
}

async function main(): Promise<number> {
  if (process.argv.some((word) => word === "--help" || word === "-h")) {
    console.log(usage);
    return 0;
  }
  let command: Command;
  try {
    command = parse(process.argv.slice(2));
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${usage}`);
    return 2;
  }
  const told: Told[] = [];
  // One after the other: each of them takes every core while it starts.
  for (const name of command.names) {
    const result = await verbs[command.verb](name, command).catch(
      (error: unknown): Told => ({ name, state: "failed", message: messageOf(error) }),
    );
    told.push(result);
    if (!command.isJson) print(result);
  }
  if (command.isJson) console.log(JSON.stringify(told, undefined, 2));
  return told.some(({ state }) => state === "failed") ? 1 : 0;
}

function print({ name, state, url, version, directory, message }: Told): void {
  const place = url === undefined ? "" : `${url}  (version ${version}, files in ${directory})`;
  const line = [name.padEnd(9), state.padEnd(8), place, message ?? ""].join("  ").trimEnd();
  if (state === "failed") console.error(line);
  else console.log(line);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

process.exitCode = await main();
