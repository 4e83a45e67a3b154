/**
 * Writes the generated reference below `docs/reference/`, or with `--check` only compares it.
 * What is generated is never edited by hand: its source is the code.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { renderApi } from "./reference/render-api.ts";
import { renderErrors } from "./reference/render-errors.ts";
import { renderOutcomes } from "./reference/render-outcomes.ts";
import { renderSurvivors } from "./reference/render-survivors.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const checkOnly = process.argv.includes("--check");

const documents: Readonly<Record<string, string>> = {
  "docs/reference/errors.md": renderErrors(),
  "docs/reference/api.md": renderApi(root),
  "docs/reference/delivery-outcomes.md": renderOutcomes(),
  "docs/reference/surviving-mutants.md": renderSurvivors(root),
};

const stale = Object.entries(documents).filter(([path, text]) => {
  const file = join(root, path);
  return !existsSync(file) || readFileSync(file, "utf8") !== text;
});

for (const [path, text] of stale) {
  if (checkOnly) {
    console.error(`${path} is stale: run npm run docs`);
    continue;
  }
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  console.log(`${path} written`);
}
if (stale.length === 0) console.log("docs: the reference matches the code");
process.exitCode = checkOnly && stale.length > 0 ? 1 : 0;
