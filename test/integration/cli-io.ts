// Streams and clocks for running a command line inside a test, and a way to run it as a process.
import { spawn, type ChildProcess } from "node:child_process";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { CommandIo, CommandOutput } from "../../src/cli/command.ts";
import { plainStyle } from "../../src/cli/terminal/ansi.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { systemRandom } from "../../src/kernel/random.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** A CommandIo whose output can be read back. */
export interface CapturedIo extends CommandIo {
  text(): string;
  errorText(): string;
}

/** An io that keeps what is written; `input` is standard input. */
export function capturedIo(
  input: string | Readable = "",
  options: { readonly signal?: AbortSignal } = {},
): CapturedIo {
  const written = { out: "", error: "" };
  const output = (name: keyof typeof written): CommandOutput => ({
    isTerminal: false,
    style: plainStyle,
    write: (text) => (written[name] += text),
    drained: async () => undefined,
  });
  return {
    stdin: typeof input === "string" ? Readable.from([Buffer.from(input)]) : input,
    stdout: output("out"),
    stderr: output("error"),
    environment: {},
    clock: systemClock,
    random: systemRandom,
    signal: options.signal ?? new AbortController().signal,
    text: () => written.out,
    errorText: () => written.error,
  };
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line as a process of its own. */
export interface RunningCli {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once standard output matches. Rejects when the process ends without it. */
  seen(pattern: RegExp): Promise<string>;
}

/** Starts `spillway WORDS` from the sources; `input` is standard input, null keeps it open. */
export function startCli(
  words: readonly string[],
  input?: string | null,
  environment: NodeJS.ProcessEnv = {},
): RunningCli {
  const flags = ["--conditions=spillway:source", "--no-warnings"];
  const child = spawn(process.execPath, [...flags, main, ...words], {
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", NODE_TEST_CONTEXT: undefined, ...environment },
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  if (input !== null) child.stdin?.end(input);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const seen = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (pattern.test(stdout)) resolve(stdout);
      };
      child.stdout?.on("data", look);
      look();
      void ended.then(() => reject(new Error(`ended without ${pattern}: ${stdout}${stderr}`)));
    });
  return { child, ended, seen };
}

/** Runs `spillway WORDS` from the sources to its end. */
export function runCli(words: readonly string[], input?: string): Promise<Ended> {
  return startCli(words, input).ended;
}
