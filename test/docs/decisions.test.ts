// Every decision in docs/adr can be found from the README, which names no other.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const pathOf = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

test("the README lists all decisions, in order", () => {
  const readme = readFileSync(pathOf("README.md"), "utf8");
  const list = readme.slice(readme.indexOf("- Decisions:"));
  const listed = Array.from(list.matchAll(/\]\(docs\/adr\/([^)]+)\)/g), ([, name]) => name);
  assert.deepEqual(listed, readdirSync(pathOf("docs/adr")).sort());
});
