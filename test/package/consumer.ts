/**
 * Packs this package as it would be published and installs it into an empty project,
 * without the network. Each test file that uses it has a project of its own.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { entryPoints } from "../../scripts/public-surface.ts";

const execute = promisify(execFile);

/** The root of the repository. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** Why there is nothing to pack yet, or false: a source of the manifest that does not exist. */
export function missingSource(...more: readonly string[]): string | false {
  const sources = [...Object.values(entryPoints), "src/cli/main.ts", ...more];
  const missing = sources.find((path) => !existsSync(join(root, path)));
  return missing === undefined ? false : `${missing} does not exist yet`;
}

/** An empty project with the packed package installed. */
export interface Consumer {
  readonly folder: string;
  /** Paths inside the tarball. */
  readonly files: readonly string[];
  readonly tarball: string;
  remove(): void;
}

/** What a command printed. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/** Builds, packs and installs. */
export async function createConsumer(): Promise<Consumer> {
  const parent = mkdtempSync(join(tmpdir(), "spillway-package-"));
  const folder = join(parent, "project");
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "name": "consumer", "private": true }\n');
  await run(root, process.execPath, ["scripts/build.ts"]);
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", parent];
  const { stdout } = await run(root, "npm", pack);
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  const tarball = join(parent, packed.filename);
  await run(folder, "npm", ["install", tarball, "--offline", "--no-audit", "--no-fund"]);
  return {
    folder,
    tarball,
    files: packed.files.map((file) => file.path),
    remove: () => rmSync(parent, { recursive: true, force: true }),
  };
}

const silences = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|E\w*TIMEDOUT)\b/;

/**
 * Why no package can be had from npm's registry, or undefined; what depends on it is then not run.
 * Where CI says so it has to be there: what needs it fails.
 */
export async function silentRegistry(): Promise<string | undefined> {
  if (process.env["CI"] === "true") return undefined;
  const words = ["view", "zod", "version", "--fetch-retries=0", "--fetch-timeout=20000"];
  try {
    await run(tmpdir(), "npm", words);
    return undefined;
  } catch (error) {
    const [silence] = silences.exec(String(error)) ?? [];
    if (silence === undefined) throw error;
    return `npm's registry does not answer (${silence})`;
  }
}

/** Runs a command in `folder`; rejects with its output when it fails. */
export async function run(
  folder: string,
  command: string,
  words: readonly string[],
): Promise<Printed> {
  const options = { cwd: folder, env: cleanEnvironment(), timeout: 180_000, maxBuffer: 1 << 26 };
  try {
    return await execute(command, [...words], options);
  } catch (error) {
    const { stdout = "", stderr = "" } = error as Partial<Printed>;
    throw new Error(`${command} ${words.join(" ")} failed\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** The environment without what an outer `npm run` or the test runner says of itself. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const outer =
    /^(npm_(package|lifecycle|command)|npm_config_local_prefix|INIT_CWD|NODE_(TEST|COMPILE))/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !outer.test(name)));
}
