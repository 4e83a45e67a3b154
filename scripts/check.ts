/**
 * Every check that needs no test run: types, lint, format, arrows between folders, tidy.
 * All of them run even when one fails, so that one pass shows everything.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

const root = fileURLToPath(new URL("..", import.meta.url));
const cruised = ["src", "scripts", "test", "examples", "benchmarks"].filter((folder) =>
  existsSync(`${root}/${folder}`),
);

/** What was checked before and has not changed is not checked again. */
const incremental = ["--incremental", "--tsBuildInfoFile", ".cache/types.tsbuildinfo"];

const checks: readonly Check[] = [
  { name: "types", command: ["tsc", "--project", "tsconfig.json", ...incremental] },
  { name: "lint", command: ["oxlint", "--type-aware", "--deny-warnings", "--format=unix", "."] },
  { name: "format", command: ["biome", "format", "."] },
  { name: "arrows", command: ["depcruise", "--config", ".dependency-cruiser.js", ...cruised] },
  { name: "tidy", command: ["node", "scripts/tidy.ts"] },
];

async function run(check: Check): Promise<boolean> {
  const startedAt = performance.now();
  const [name, ...words] = check.command;
  const { code, output } = await capture(`${root}/node_modules/.bin/${name}`, words);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${code === 0 ? "ok  " : "FAIL"} ${seconds.padStart(5)} s  ${check.name}`);
  if (code !== 0) console.log(output.trimEnd().replaceAll(/^/gm, "     | "));
  return code === 0;
}

function capture(
  file: string,
  words: readonly string[],
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NO_COLOR: "1" };
    const child = spawn(file, words, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

let failed = 0;
for (const check of checks) {
  // One after the other: each of these already uses every core.
  if (!(await run(check))) failed++;
}
process.exitCode = failed === 0 ? 0 : 1;
