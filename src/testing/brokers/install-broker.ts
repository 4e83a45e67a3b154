// Gets what a broker needs: packages with apt-get, where this process may, and what Maven fetches.
// The one place that installs or downloads anything.
import { spawn } from "node:child_process";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { BrokerName } from "./broker-names.ts";
import { assertBrokerName } from "./broker-options.ts";
import { findProgram, isRoot } from "./programs.ts";
import { recipes } from "./servers/recipes.ts";

const outputCharactersMax = 4_000;

/**
 * Installs what a broker needs and is not here: Debian's or Ubuntu's packages, when run as root,
 * and for Kafka its libraries, with Maven, into the cache folder of the user. Does nothing where
 * nothing lacks. `report` is told what is being done. Throws BROKER_MISSING when it cannot.
 *
 * @example
 * import { findBroker, installBroker } from "spillway/testing";
 * if (process.argv.includes("--install")) await installBroker("kafka", console.log);
 * console.log(findBroker("kafka").missing ?? "Kafka can be started");
 */
export async function installBroker(
  name: BrokerName,
  report: (line: string) => void = () => undefined,
): Promise<void> {
  assertBrokerName(name);
  const recipe = recipes[name];
  const packages = [...new Set(recipe.find().lacks.flatMap((lack) => lack.packages))];
  if (packages.length > 0) await installPackages(packages, report);
  await recipe.fetch?.(report);
  const [lack] = recipe.find().lacks;
  if (lack === undefined) return;
  throw failed(`${recipe.title} still cannot be started: ${lack.what}`);
}

async function installPackages(
  packages: readonly string[],
  report: (line: string) => void,
): Promise<void> {
  const apt = findProgram("apt-get");
  const command = `apt-get install --no-install-recommends ${packages.join(" ")}`;
  if (apt === undefined) {
    throw failed(`there is no apt-get here to install ${packages.join(" ")} with: install by hand`);
  }
  if (!isRoot()) throw failed(`packages are missing, and only root can install them: ${command}`);
  report(command);
  await run(apt, ["update", "-qq"]);
  await run(apt, ["install", "-y", "-qq", "--no-install-recommends", ...packages]);
}

async function run(program: string, words: readonly string[]): Promise<void> {
  const child = spawn(program, words, {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const take = (text: string): void => {
    output = `${output}${text}`.slice(-outputCharactersMax);
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  const code = await new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("close", resolve);
  });
  if (code !== 0) throw failed(`${program} ${words.join(" ")} failed:\n${output}`);
}

function failed(what: string): SpillwayError {
  return new SpillwayError("BROKER_MISSING", what);
}
