/**
 * Blocks fenced as `sh run` in the documents work: those of one document run one after the other,
 * each in a shell of its own, in one new folder that holds the blocks fenced as `ts file=NAME`. A
 * block that is fenced as `sh run fails` has to end with exit code 1; one fenced as `text printed`
 * is what the block before it prints; `sh run background` runs until the end of the document.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { blocksOf, documentBlocks } from "./examples.ts";
import { isWalked, problemOf } from "./run-shell-blocks.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const block = (fence: string, code: string): string => `\`\`\`${fence}\n${code}\n\`\`\`\n`;

test("blocks share a folder, and one that does not do what its fence says is named", async () => {
  const works = block("sh run", "echo 1 > a") + block("sh run", 'test "$(cat a)" = 1');
  assert.equal(await problemOf(blocksOf("a.md", works)), undefined);
  assert.equal(await problemOf(blocksOf("a.md", block("sh run fails", "false"))), undefined);
  const fails = blocksOf("a.md", works + block("sh run", "echo planted; spillway nonsense"));
  assert.match((await problemOf(fails)) ?? "", /^a\.md:8: exited with 2, not with 0\nplanted/);
  const succeeds = blocksOf("a.md", block("sh run fails", "true"));
  assert.match((await problemOf(succeeds)) ?? "", /exited with 0, not with 1/);
});

test("files are written, and what is printed is compared", async () => {
  const program = 'import { z } from "zod";\nconsole.log(z.int().parse(2));';
  const shown = block("ts file=two.ts", program) + block("sh run", "node two.ts");
  const right = blocksOf("a.md", shown + block("text printed", "2"));
  assert.equal(await problemOf(right), undefined);
  const wrong = blocksOf("a.md", shown + block("text printed", "3"));
  assert.match((await problemOf(wrong)) ?? "", /^a\.md:6: printed something else\n2/);
});

test("a block in the background runs beside those that follow", async () => {
  const waits = "sh -c 'echo ready; echo $$ > pid; exec sleep 60'";
  const started = block("sh run background", waits) + block("text printed", "ready");
  const beside = block("sh run", 'kill -0 "$(cat pid)"');
  assert.equal(await problemOf(blocksOf("a.md", started + beside)), undefined);
  const ends = block("sh run background", "echo planted") + block("text printed", "ready");
  assert.match(
    (await problemOf(blocksOf("a.md", ends))) ?? "",
    /^a\.md:2: did not print[^]*planted/,
  );
});

describe("commands in documents", () => {
  const blocks = documentBlocks(root).filter(isWalked);
  for (const [path, ofDocument] of Map.groupBy(blocks, ({ path }) => path)) {
    test(path, async () => assert.equal(await problemOf(ofDocument), undefined));
  }
});
