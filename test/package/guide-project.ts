/**
 * Makes a project of a guide's text alone, as its reader would: the files it names, the commands it
 * says, and each of its other programs inside a test. A fence says what its block is: `file=NAME`;
 * `first-line=NAME`, which replaces that file's; `setup` and `test` for commands; `runner=NAME` for
 * what only the projects of that test runner have.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Block, runnerOf, valueOf } from "../docs/examples.ts";
import { type Printed, run } from "./consumer.ts";

/** Everything that the guide says about a project with one test runner. */
export interface GuideProject {
  /** Name → text. */
  readonly files: ReadonlyMap<string, string>;
  /** The commands after the ones of every project. */
  readonly setup: readonly string[];
  /** The command that runs the tests. */
  readonly test: string;
  /** How many tests there are. */
  readonly tests: number;
}

/** The commands with which every project begins. */
export function beginningOf(blocks: readonly Block[]): readonly string[] {
  return blocks.filter((block) => isCommand(block, "setup", undefined)).map(({ code }) => code);
}

/** The project for one test runner; undefined for node:test, which needs nothing of its own. */
export function projectOf(blocks: readonly Block[], runner: string | undefined): GuideProject {
  const fits = (block: Block): boolean => [undefined, runner].includes(runnerOf(block));
  const files = new Map<string, string>();
  for (const block of blocks.filter(fits)) {
    const [file, first] = [valueOf(block, "file"), valueOf(block, "first-line")];
    if (file !== undefined) files.set(file, `${block.code}\n`);
    if (first !== undefined) files.set(first, withFirstLine(files.get(first), block.code));
  }
  const importLine = [...files].find(([name]) => name.endsWith(".test.ts"))?.[1].split("\n")[0];
  if (importLine === undefined) throw new Error("the guide has no test");
  for (const block of blocks) {
    if (block.language !== "ts" || block.options.length > 0) continue;
    files.set(`line-${block.line}.test.ts`, asTest(block, importLine));
  }
  const what = runner === undefined ? "run" : "test";
  const test = blocks.find((block) => isCommand(block, what, runner));
  if (test === undefined) throw new Error(`the guide does not say how ${runner} runs the tests`);
  return {
    files,
    setup: runner === undefined ? [] : setupOf(blocks, runner),
    test: test.code,
    tests: [...files.values()].reduce((sum, text) => sum + text.split(/^test\(/m).length - 1, 0),
  };
}

function setupOf(blocks: readonly Block[], runner: string): readonly string[] {
  return blocks.filter((block) => isCommand(block, "setup", runner)).map(({ code }) => code);
}

function isCommand(block: Block, what: string, runner: string | undefined): boolean {
  return block.language === "sh" && block.options.includes(what) && runnerOf(block) === runner;
}

function withFirstLine(text: string | undefined, line: string): string {
  if (text === undefined) throw new Error(`the file whose first line is ${line} comes later`);
  return [line, ...text.split("\n").slice(1)].join("\n");
}

/** A whole program as a test: its imports stay where they are. */
function asTest({ code, line }: Block, importLine: string): string {
  const imports = /^import [^;]+;\n/gm;
  const body = code.replaceAll(imports, "").replaceAll(/^(?=.)/gm, "  ");
  const head = [importLine, ...(code.match(imports) ?? [])].map((each) => `${each.trim()}\n`);
  return `${head.join("")}\ntest("line ${line}", async () => {\n${body}\n});\n`;
}

/** Writes the files of a project. */
export function writeFiles(folder: string, { files }: GuideProject): void {
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
}

/** Runs a command of the guide; `npm install spillway` installs the packed package. */
export function runCommand(folder: string, code: string, tarball: string): Promise<Printed> {
  const command = code.replaceAll(/^(npm install .*?)\bspillway\b/gm, `$1"${tarball}"`);
  return run(folder, "bash", ["-euo", "pipefail", "-c", command]);
}
