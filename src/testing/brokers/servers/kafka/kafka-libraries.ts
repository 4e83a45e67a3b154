// The libraries of Apache Kafka: fetched once by Maven into the cache of the user, from what
// pom.xml beside this file names. Always true: a folder of the cache under its final name is
// complete; the repository and the package hold none of it.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { SpillwayError } from "../../../../errors/spillway-error.ts";
import { systemClock } from "../../../../kernel/clock.ts";
import { findProgram } from "../../programs.ts";

const fetchMsMax = 900_000;
const outputCharactersMax = 4_000;

/** The version of Kafka that is run. */
export function kafkaVersion(): string {
  return /kafka_[\d.]+<\/artifactId>\s*<version>([^<]+)/.exec(pom())?.[1] ?? "";
}

/** The folder with the libraries, whether or not it exists. */
export function librariesFolder(): string {
  const named = process.env["XDG_CACHE_HOME"] ?? "";
  // The specification of these folders tells to pass over a relative path.
  const cache = isAbsolute(named) ? named : join(homedir(), ".cache");
  return join(cache, "spillway", `kafka-${kafkaVersion()}`);
}

/** Whether they are here. */
export function hasLibraries(): boolean {
  return existsSync(librariesFolder());
}

/** Fetches them where they are not here. Throws BROKER_MISSING where Maven is not, or fails. */
export async function fetchLibraries(report: (line: string) => void): Promise<void> {
  const folder = librariesFolder();
  if (hasLibraries()) return;
  const maven = findProgram("mvn");
  if (maven === undefined) {
    throw new SpillwayError(
      "BROKER_MISSING",
      `Apache Kafka ${kafkaVersion()} is fetched by Maven, and mvn is not installed: ` +
        "apt-get install maven",
    );
  }
  report(`fetching Apache Kafka ${kafkaVersion()} with Maven into ${folder} (45 MB, once)`);
  const partial = `${folder}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    writeFileSync(join(partial, "pom.xml"), pom());
    await runMaven(maven, partial);
    if (!hasLibraries()) renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** In the group of this process, so that Ctrl-C ends it as well. */
async function runMaven(maven: string, folder: string): Promise<void> {
  const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime"];
  const words = ["--batch-mode", "--no-transfer-progress", ...goal, `-DoutputDirectory=${folder}`];
  const child = spawn(maven, words, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const take = (text: string): void => {
    output = `${output}${text}`.slice(-outputCharactersMax);
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  const cancel = systemClock.after(fetchMsMax, () => void child.kill("SIGKILL"));
  const code = await new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("close", resolve);
  });
  cancel();
  if (code === 0) return;
  const what = `Maven could not fetch Apache Kafka ${kafkaVersion()}`;
  const message = `${what}; its last lines:\n${output}`;
  throw new SpillwayError("BROKER_MISSING", message);
}

/** What Maven reads. Not read before it is wanted: few tests want Kafka. */
function pom(): string {
  return readFileSync(new URL("./pom.xml", import.meta.url), "utf8");
}
