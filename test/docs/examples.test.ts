/**
 * Every example in the documents and in the docstrings of public names compiles and runs.
 * A block fenced as `ts no-run` is only compiled; one fenced as `ts file=NAME` is compiled here
 * and run by the commands that its document shows, in shell-blocks.test.ts; one with `runner=NAME`
 * is left to test/package.
 */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type Block,
  blocksOf,
  docstringBlocks,
  documentBlocks,
  fileOf,
  runnerOf,
} from "./examples.ts";
import { checkTypes, runExample, writeExamples } from "./run-examples.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const isExample = (block: Block): boolean =>
  ["ts", "typescript"].includes(block.language) && runnerOf(block) === undefined;

test("blocks are found with their line, language and options", () => {
  const text = ["# Title", "", "```ts no-run", "const a = 1;", "```", "", "```sh", "ls", "```"];
  assert.deepEqual(blocksOf("a.md", text.join("\n")), [
    { path: "a.md", line: 4, language: "ts", options: ["no-run"], code: "const a = 1;" },
    { path: "a.md", line: 8, language: "sh", options: [], code: "ls" },
  ]);
});

test("a wrong type and a failing run are noticed and named", async (t) => {
  const text = "```ts\nconst a: string = 1;\n```\n\n```ts\nthrow new Error('planted');\n```\n";
  const [wrong, failing] = writeExamples(root, blocksOf("planted.md", text));
  assert.ok(wrong && failing);
  t.after(() => rmSync(dirname(wrong.folder), { recursive: true, force: true }));
  const problems = checkTypes(root, [wrong, failing]);
  assert.match(problems.get(wrong)?.join() ?? "", /^planted\.md:2 TS2322/);
  assert.deepEqual(problems.get(failing), []);
  await assert.rejects(runExample(failing), /planted\.md:6: exited with 1[^]*planted/);
});

describe("examples", { concurrency: 2 }, () => {
  const blocks = [...documentBlocks(root), ...docstringBlocks(root)].filter(isExample);
  const examples = writeExamples(root, blocks);
  const [first] = examples;
  after(() => {
    if (first) rmSync(dirname(first.folder), { recursive: true, force: true });
  });
  const problems = checkTypes(root, examples);
  for (const example of examples) {
    const { path, line, options } = example.block;
    const isRun = !options.includes("no-run") && fileOf(example.block) === undefined;
    test(`${path}:${line}`, async () => {
      assert.equal((problems.get(example) ?? []).join("\n"), "");
      if (isRun) await runExample(example);
    });
  }
});
