/**
 * Writes examples to files inside the repository, where `spillway` means this package,
 * checks their types in one program, and runs each in a process and a folder of its own.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { type Block, fileOf } from "./examples.ts";

/** An example on disk. */
export interface Example {
  readonly block: Block;
  readonly folder: string;
  readonly file: string;
}

const runLimitMs = 30_000;

/**
 * Writes each block to `<number>/example.ts`, below a new folder of `root`; the blocks of one
 * document that have a name of their own lie in one folder, so that they can import each other.
 */
export function writeExamples(root: string, blocks: readonly Block[]): readonly Example[] {
  mkdirSync(join(root, ".doc-examples"), { recursive: true });
  const parent = mkdtempSync(join(root, ".doc-examples/run-"));
  return blocks.map((block, index) => {
    const name = fileOf(block);
    const number = String(index + 1).padStart(3, "0");
    const folder = join(parent, name === undefined ? number : block.path.replaceAll("/", "."));
    const file = join(folder, name ?? "example.ts");
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, `${block.code}\n`);
    return { block, folder, file };
  });
}

/** Type-checks all examples in one program; the result maps an example to its problems. */
export function checkTypes(
  root: string,
  examples: readonly Example[],
): ReadonlyMap<Example, readonly string[]> {
  const config = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(
    { ...(config.config as object), include: [], files: [] },
    ts.sys,
    root,
  );
  const relaxed = { noUnusedLocals: false, noUnusedParameters: false, isolatedDeclarations: false };
  const files = examples.map((example) => example.file);
  const program = ts.createProgram(files, { ...options, ...relaxed, declaration: false });
  return new Map(examples.map((example) => [example, problemsOf(program, example)] as const));
}

function problemsOf(program: ts.Program, example: Example): string[] {
  const source = program.getSourceFile(example.file);
  if (!source) return ["the compiler did not see this example"];
  const found = [
    ...program.getSyntacticDiagnostics(source),
    ...program.getSemanticDiagnostics(source),
  ];
  return found.map((diagnostic) => {
    const at = source.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line;
    const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n");
    return `${example.block.path}:${example.block.line + at} TS${diagnostic.code}: ${text}`;
  });
}

/** Runs one example; the result is what it printed, or a rejection that says what went wrong. */
export function runExample(example: Example): Promise<string> {
  const words = ["--conditions=spillway:source", "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...words, example.file], {
    cwd: example.folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => child.kill("SIGKILL"), runLimitMs);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(limit);
      const where = `${example.block.path}:${example.block.line}`;
      if (code === 0) resolve(output);
      else if (signal) reject(new Error(`${where}: stopped after 30 s\n${output}`));
      else reject(new Error(`${where}: exited with ${code}\n${output}`));
    });
  });
}
