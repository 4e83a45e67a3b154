/**
 * The commands that the documents show exist, and their relative links lead somewhere.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { documentBlocks, documentPaths, type Block } from "./examples.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const commands = new Set([
  "demo",
  "serve",
  "publish",
  "tail",
  "channels",
  "groups",
  "dead-letters",
  "redrive",
  "replay",
  "sagas",
  "trace",
  "verify",
  "repair",
  "backup",
  "restore",
  "bench",
  "doctor",
  "explain",
  "--help",
  "--version",
]);

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};

/** What is wrong with the commands of one shell block. */
function problemsOf(block: Block): string[] {
  return block.code.split("\n").flatMap((line, index) => {
    const problems: string[] = [];
    const at = `${block.path}:${block.line + index}`;
    const [, command] = /(?:^|[|&;$]\s*|npx (?:-y )?)spillway\s+(\S+)/.exec(line) ?? [];
    if (command !== undefined && !commands.has(command)) {
      problems.push(`${at} unknown command: spillway ${command}`);
    }
    const [, script] = /\bnpm run ([\w:-]+)/.exec(line) ?? [];
    if (script !== undefined && scripts[script] === undefined) {
      problems.push(`${at} unknown script: npm run ${script}`);
    }
    return problems;
  });
}

const shellBlock = (code: string): Block => ({
  path: "planted.md",
  line: 1,
  language: "sh",
  options: [],
  code,
});

test("an unknown command and an unknown script are noticed", () => {
  assert.deepEqual(problemsOf(shellBlock("npx spillway invent --json\nnpm run invented")), [
    "planted.md:1 unknown command: spillway invent",
    "planted.md:2 unknown script: npm run invented",
  ]);
  assert.deepEqual(problemsOf(shellBlock("spillway verify ./data\ncd spillway\nnpm run demo")), []);
});

test("every command in a shell block exists", () => {
  const blocks = documentBlocks(root).filter((block) => ["sh", "bash"].includes(block.language));
  assert.deepEqual(blocks.flatMap(problemsOf), []);
});

test("every relative link leads to a file", () => {
  const documents = [...documentPaths(root), "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
  const broken = documents.flatMap((path) => {
    const text = readFileSync(join(root, path), "utf8");
    const links = [...text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)(#[^)]*)?\)/g)];
    return links
      .map((link) => link[1] ?? "")
      .filter((target) => !existsSync(join(root, dirname(path), target)))
      .map((target) => `${path} links to ${target}`);
  });
  assert.deepEqual(broken, []);
});
