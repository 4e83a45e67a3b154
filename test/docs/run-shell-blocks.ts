/**
 * Goes through a document as its reader would: writes the files that it shows, runs its commands
 * one after the other in one new folder, and compares what they print with what it says they print.
 * `spillway` means this source, as a command and as a package.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Block, fileOf, runnerOf } from "./examples.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const flags = "--conditions=spillway:source --disable-warning=ExperimentalWarning";
const blockMs = 180_000;
const packages = ["zod"];

/** A process that a block left running, and what it printed so far. */
interface Background {
  readonly child: ChildProcess;
  printed: string;
}

interface Walk {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly background: Background[];
}

const isPrinted = ({ language, options }: Block): boolean =>
  language === "text" && options.includes("printed");

/** Whether the walk does anything with a block. */
export const isWalked = (block: Block): boolean =>
  runnerOf(block) === undefined &&
  (fileOf(block) !== undefined ||
    isPrinted(block) ||
    (block.language === "sh" && block.options.includes("run")));

/** What went wrong with the first block that does not do what its fence says. */
export async function problemOf(blocks: readonly Block[]): Promise<string | undefined> {
  const parent = mkdtempSync(join(tmpdir(), "spillway-shell-"));
  const walk = makeFolder(parent);
  try {
    for (const [index, block] of blocks.entries()) {
      const file = fileOf(block);
      if (file !== undefined) writeFileSync(join(walk.folder, file), `${block.code}\n`);
      else if (block.language === "sh") {
        const next = blocks[index + 1];
        const printed = next && isPrinted(next) ? next.code : undefined;
        const isBackground = block.options.includes("background");
        const problem = isBackground
          ? await startBlock(walk, block, printed ?? "")
          : runBlock(walk, block, printed);
        if (problem !== undefined) return problem;
      }
    }
    return undefined;
  } finally {
    await Promise.all(walk.background.map(interrupt));
    rmSync(parent, { recursive: true, force: true });
  }
}

function makeFolder(parent: string): Walk {
  const folder = join(parent, "folder");
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules/spillway"));
  for (const name of packages) {
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  const program = join(root, "src/cli/main.ts");
  const shim = `#!/bin/sh\nexec "${process.execPath}" ${flags} "${program}" "$@"\n`;
  for (const path of [join(parent, "spillway"), join(parent, "npx-spillway")]) {
    writeFileSync(path, shim, { mode: 0o755 });
  }
  const npx = '#!/bin/sh\nname=$1\nshift\nexec "npx-$name" "$@"\n';
  writeFileSync(join(parent, "npx"), npx, { mode: 0o755 });
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const path = `${parent}${delimiter}${inherited["PATH"] ?? ""}`;
  return { folder, env: { ...inherited, PATH: path, NODE_OPTIONS: flags }, background: [] };
}

function runBlock(walk: Walk, block: Block, printed: string | undefined): string | undefined {
  const { path, line, code, options } = block;
  const result = spawnSync("bash", ["-euo", "pipefail", "-c", code], {
    cwd: walk.folder,
    encoding: "utf8",
    timeout: blockMs,
    env: walk.env,
  });
  const wanted = options.includes("fails") ? 1 : 0;
  const said = `${result.stdout}${result.stderr}`;
  if (result.status !== wanted) {
    const ended = result.status ?? result.signal;
    return `${path}:${line}: exited with ${ended}, not with ${wanted}\n${said}`;
  }
  if (printed === undefined || said.trim() === printed.trim()) return undefined;
  return `${path}:${line}: printed something else\n${said}`;
}

/** Leaves a block running once it has printed what the document says. */
async function startBlock(
  walk: Walk,
  { path, line, code }: Block,
  printed: string,
): Promise<string | undefined> {
  const child = spawn("bash", ["-euo", "pipefail", "-c", `exec ${code}`], {
    cwd: walk.folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: walk.env,
  });
  const background: Background = { child, printed: "" };
  walk.background.push(background);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (background.printed += text));
  }
  const deadline = Date.now() + blockMs;
  while (background.printed.trim() !== printed.trim()) {
    if (child.exitCode !== null || Date.now() > deadline) {
      return `${path}:${line}: did not print what follows it\n${background.printed}`;
    }
    await sleep(20);
  }
  return undefined;
}

/** Ctrl-C. */
async function interrupt({ child }: Background): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const limit = setTimeout(() => child.kill("SIGKILL"), blockMs);
  child.kill("SIGINT");
  await ended;
  clearTimeout(limit);
}
