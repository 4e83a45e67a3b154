/**
 * Blocks fenced as `sh run` in the documents work: those of one document run one after the other,
 * each in a shell of its own, in one new folder, with `spillway` meaning this source. A block that
 * is fenced as `sh run fails` has to end with exit code 1.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Block, blocksOf, documentBlocks } from "./examples.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const blockMs = 60_000;

/** What went wrong with the first block that does not do what its fence says. */
function problemOf(blocks: readonly Block[]): string | undefined {
  const parent = mkdtempSync(join(tmpdir(), "spillway-shell-"));
  try {
    const folder = join(parent, "folder");
    mkdirSync(folder);
    const program = join(root, "src/cli/main.ts");
    const flags = "--conditions=spillway:source --disable-warning=ExperimentalWarning";
    const shim = `#!/bin/sh\nexec "${process.execPath}" ${flags} "${program}" "$@"\n`;
    writeFileSync(join(parent, "spillway"), shim, { mode: 0o755 });
    for (const { path, line, code, options } of blocks) {
      const result = spawnSync("bash", ["-euo", "pipefail", "-c", code], {
        cwd: folder,
        encoding: "utf8",
        timeout: blockMs,
        env: { ...process.env, PATH: `${parent}${delimiter}${process.env["PATH"] ?? ""}` },
      });
      const wanted = options.includes("fails") ? 1 : 0;
      if (result.status === wanted) continue;
      const ended = result.status ?? result.signal;
      const said = `${result.stdout}${result.stderr}`;
      return `${path}:${line}: exited with ${ended}, not with ${wanted}\n${said}`;
    }
    return undefined;
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}

const isRun = ({ language, options }: Block): boolean =>
  language === "sh" && options.includes("run");

test("blocks share a folder, and one that does not do what its fence says is named", () => {
  const block = (fence: string, code: string): string => `\`\`\`${fence}\n${code}\n\`\`\`\n`;
  const works = block("sh run", "echo 1 > a") + block("sh run", 'test "$(cat a)" = 1');
  assert.equal(problemOf(blocksOf("a.md", works)), undefined);
  assert.equal(problemOf(blocksOf("a.md", block("sh run fails", "false"))), undefined);
  const fails = blocksOf("a.md", works + block("sh run", "echo planted; spillway nonsense"));
  assert.match(problemOf(fails) ?? "", /^a\.md:8: exited with 2, not with 0\nplanted/);
  const succeeds = blocksOf("a.md", block("sh run fails", "true"));
  assert.match(problemOf(succeeds) ?? "", /exited with 0, not with 1/);
});

describe("commands in documents", () => {
  const blocks = documentBlocks(root).filter(isRun);
  for (const [path, ofDocument] of Map.groupBy(blocks, (block) => block.path)) {
    test(path, () => assert.equal(problemOf(ofDocument), undefined));
  }
});
