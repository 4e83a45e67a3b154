/**
 * Runs an example by the start of its name: `npm run example -- 01`. Without one, lists them.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../examples/", import.meta.url));
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .sort();
const [wanted, ...words] = process.argv.slice(2);
const name = names.find((candidate) => wanted !== undefined && candidate.startsWith(wanted));

if (name === undefined) {
  console.error(`name one of:\n${names.map((each) => `  ${each}`).join("\n")}`);
  process.exitCode = 2;
} else {
  const flags = ["--conditions=spillway:source", "--disable-warning=ExperimentalWarning"];
  const run = spawnSync(process.execPath, [...flags, join(folder, name), ...words], {
    stdio: "inherit",
  });
  process.exitCode = run.status ?? 1;
}
