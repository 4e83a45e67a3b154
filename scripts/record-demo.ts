/**
 * Records `spillway demo` for the README: `node scripts/record-demo.ts [flags of the demo]` runs
 * it in a terminal of its own (a pseudo terminal of `script`, from util-linux) and writes what
 * was to be seen to docs/images/demo.svg, faster than it was.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Frame, renderSvg } from "./recording/render-svg.ts";
import { TerminalScreen } from "./recording/terminal-screen.ts";

const size = { columns: 80, rows: 38 } as const;
/** A frame every so often, and how much faster than it was it is shown. */
const frameSeconds = 2;
const speed = 2.5;
/** How long the ledger stands. */
const holdSeconds = 10;

const root = fileURLToPath(new URL("..", import.meta.url));
const target = `${root}docs/images/demo.svg`;

async function record(words: readonly string[]): Promise<readonly Frame[]> {
  const flags = "--conditions=spillway:source --no-warnings";
  const program = `${process.execPath} ${flags} src/cli/main.ts demo ${words.join(" ")}`;
  const shell = `stty cols ${size.columns} rows ${size.rows}; exec ${program}`;
  const environment = { ...process.env, SHELL: "/bin/sh", TERM: "xterm", NO_COLOR: undefined };
  const child = spawn("script", ["--quiet", "--return", "--command", shell, "/dev/null"], {
    cwd: root,
    stdio: ["pipe", "pipe", "inherit"],
    env: environment,
  });
  const screen = new TerminalScreen(size.columns, size.rows);
  const frames: Frame[] = [];
  let startMs: number | undefined;
  let pending = "";
  for await (const chunk of child.stdout.setEncoding("utf8") as AsyncIterable<string>) {
    pending += chunk;
    // A frame of the live view ends with a line break or a sequence; half of one waits.
    const whole = pending.slice(
      0,
      Math.max(pending.lastIndexOf("\n"), pending.lastIndexOf("J")) + 1,
    );
    pending = pending.slice(whole.length);
    screen.write(whole);
    startMs ??= whole.includes("the shop is open") ? performance.now() : undefined;
    if (startMs === undefined) continue;
    const seconds = (performance.now() - startMs) / 1_000;
    if (seconds >= frames.length * frameSeconds)
      frames.push({ atSeconds: seconds, rows: screen.rows() });
  }
  screen.write(pending);
  child.stdin.end();
  frames.push({ atSeconds: frames.length * frameSeconds, rows: screen.rows() });
  return frames;
}

const frames = await record(process.argv.slice(2));
const shown = frames.map(({ rows }, index) => ({
  atSeconds: (index * frameSeconds) / speed,
  rows,
}));
const seconds = (shown.at(-1)?.atSeconds ?? 0) + holdSeconds;
const title = "spillway demo: a shop's busiest day on HTTP calls and on Spillway, and its ledger";
const svg = renderSvg(shown, { columns: size.columns, rowsMax: size.rows, seconds, title });
writeFileSync(target, svg);
console.log(`record-demo: ${frames.length} frames, ${svg.length} bytes, ${target}`);
