/**
 * The generated reference is what the code would generate now.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("docs/reference matches the code", () => {
  const words = ["--disable-warning=ExperimentalWarning", "scripts/docs.ts", "--check"];
  const run = spawnSync(process.execPath, words, { cwd: root, encoding: "utf8" });
  assert.equal(run.status, 0, run.stdout + run.stderr);
});
