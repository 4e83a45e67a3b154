/**
 * The commands that the documents show or name exist, and their relative links lead somewhere.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { commandTable } from "../../src/cli/command-table.ts";
import { documentBlocks, documentPaths, type Block } from "./examples.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const commands = new Set(commandTable.map(({ name }) => name).concat("--help", "--version"));

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

/** How a text says that a command does not exist yet. */
const toCome = /\b(not in this version|is to come|are to come|planned)\b/i;

/** What is wrong with the commands that a document's prose names: `spillway verb …`. */
function proseProblemsOf(path: string, markdown: string): string[] {
  // A list item or a paragraph is one statement, whatever its lines.
  const paragraphs = markdown.replaceAll(/```[\s\S]*?```/g, "").split(/\n\s*\n|\n(?=- |\| )/);
  return paragraphs.flatMap((text) => {
    const named = [...text.matchAll(/`(?:npx (?:-y )?)?spillway\s+([a-z-]+)[^`]*`/g)];
    return named
      .map((match) => match[1] ?? "")
      .filter((command) => !commands.has(command) && !toCome.test(text))
      .map((command) => `${path} unknown command: spillway ${command}`);
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
  assert.deepEqual(problemsOf(shellBlock("spillway sagas\nspillway replay")).length, 2);
  assert.deepEqual(problemsOf(shellBlock("spillway verify ./data\ncd spillway\nnpm run demo")), []);
});

test("an unknown command is noticed in prose, unless the text says that it is to come", () => {
  assert.deepEqual(proseProblemsOf("p.md", "Look with `npx spillway sagas --json`."), [
    "p.md unknown command: spillway sagas",
  ]);
  assert.deepEqual(proseProblemsOf("p.md", "| x | `spillway sagas` |\n| y | `spillway tail` |"), [
    "p.md unknown command: spillway sagas",
  ]);
  const text =
    "`spillway replay` is to come. Until then:\n`spillway tail -c a`\n\n`spillway --help`";
  assert.deepEqual(proseProblemsOf("p.md", text), []);
  assert.deepEqual(proseProblemsOf("p.md", "`import spillway`, spillway in plain words"), []);
});

test("every command that a text names exists, or is said to come", () => {
  const documents = [...documentPaths(root), "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
  const found = documents.flatMap((path) =>
    proseProblemsOf(path, readFileSync(join(root, path), "utf8")),
  );
  assert.deepEqual(found, []);
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
