// Runs a command line in a terminal of its own (a pseudo terminal of `script`, from util-linux),
// with keys pressed from outside, and reads what is on the terminal and how it is left behind.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Why there is no terminal to play in, or false. */
export const noTerminal: string | false =
  spawnSync("script", ["--version"]).error === undefined ? false : "there is no 'script' command";

/** How it ended. */
export interface TerminalEnd {
  /** Exit code of the command line, as a shell counts it. */
  readonly code: number;
  /** All that was written to the terminal. */
  readonly screen: string;
  /** The terminal's settings before and after. */
  readonly settings: readonly [before: string, after: string];
}

/** A command line in a terminal. */
export interface TerminalPlay {
  readonly child: ChildProcess;
  /** Presses keys. */
  press(keys: string): void;
  /** Resolves once the text on the terminal, without its colours, matches. */
  seen(pattern: RegExp): Promise<void>;
  readonly ended: Promise<TerminalEnd>;
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/**
 * Starts `spillway WORDS` from the sources in a terminal of 80 columns and 24 lines, which is
 * hung up at the end of the test.
 */
export function startInTerminal(
  t: TestContext,
  words: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): TerminalPlay {
  const flags = ["--conditions=spillway:source", "--no-warnings"];
  const program = [process.execPath, ...flags, main, ...words].map(quoted).join(" ");
  const shell =
    "stty cols 80 rows 24; echo before=$(stty -g); " +
    `${program}; code=$?; echo; echo code=$code; echo after=$(stty -g)`;
  const child = spawn("script", ["--quiet", "--command", shell, "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: {
      ...process.env,
      SHELL: "/bin/sh",
      TERM: "xterm",
      NO_COLOR: undefined,
      NODE_TEST_CONTEXT: undefined,
      ...environment,
    },
  });
  t.after(() => child.kill("SIGKILL"));
  let screen = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (screen += text));
  const ended = new Promise<TerminalEnd>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => {
      const value = (name: string): string =>
        new RegExp(`^${name}=(\\S+)\\r?$`, "m").exec(screen)?.[1] ?? `no ${name} in ${screen}`;
      const settings = [value("before"), value("after")] as const;
      resolve({ code: Number(value("code")), screen, settings });
    });
  });
  const seen = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (pattern.test(stripVTControlCharacters(screen))) resolve();
      };
      child.stdout?.on("data", look);
      look();
      const gone = (): void => reject(new Error(`ended without ${pattern}: ${screen}`));
      void ended.then(gone, gone);
    });
  return { child, press: (keys) => void child.stdin?.write(keys), seen, ended };
}
