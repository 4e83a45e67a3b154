/**
 * Every program in `examples/` prints what its first comment promises after `Prints:`.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../examples/", import.meta.url));
const programs = existsSync(folder)
  ? readdirSync(folder).filter((name) => /(?<!\.test)\.ts$/.test(name))
  : [];
const elsewhere = mkdtempSync(join(tmpdir(), "spillway-examples-"));
after(() => rmSync(elsewhere, { recursive: true, force: true }));

/** The lines after `Prints:` in the first comment, without the comment's own marks. */
function promisedOutput(text: string): string | undefined {
  const comment = /^\/\*\*[^]*?\*\//.exec(text)?.[0] ?? "";
  const lines = comment.split("\n").map((line) => line.replace(/^ \*( {2,3}| |\/|$)/, ""));
  const start = lines.findIndex((line) => line.trim() === "Prints:");
  return start < 0
    ? undefined
    : lines
        .slice(start + 1)
        .join("\n")
        .trim();
}

test("the promised output is read from the first comment", () => {
  const text = "/**\n * Shows it.\n *\n * Prints:\n *   one\n *   two\n */\nconsole.log(1);\n";
  assert.equal(promisedOutput(text), "one\ntwo");
  assert.equal(promisedOutput("/** Shows it. */\n"), undefined);
});

describe("examples/", () => {
  for (const name of programs) {
    test(name, () => {
      const promised = promisedOutput(readFileSync(join(folder, name), "utf8"));
      assert.ok(promised, `${name} does not say what it prints`);
      const flags = ["--conditions=spillway:source", "--disable-warning=ExperimentalWarning"];
      const run = spawnSync(process.execPath, [...flags, join(folder, name)], {
        cwd: elsewhere,
        encoding: "utf8",
        timeout: 30_000,
      });
      assert.equal(run.status, 0, run.stderr);
      assert.equal(run.stdout.trim(), promised);
    });
  }
});
