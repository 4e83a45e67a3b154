// The program: from the words of the command line to an exit code. It chooses the command, prints
// its errors, and owns what belongs to the process (streams, signals, exit). Always true: it never
// calls process.exit() while output is pending, and a reader that goes away (EPIPE) is no error.
import { readFileSync } from "node:fs";
import { systemClock } from "../kernel/clock.ts";
import { systemRandom } from "../kernel/random.ts";
import { type CommandIo, type CommandOutput, exitCodes } from "./command.ts";
import { commandTable } from "./command-table.ts";
import { reportError } from "./error-report.ts";
import { commandHelp, programHelp } from "./help-text.ts";
import { nearest } from "../kernel/nearest.ts";
import { parseFlags } from "./parse-flags.ts";
import { isReaderGone, outputOf } from "./process-output.ts";
import { watchSignals } from "./process-signals.ts";
import { UsageError } from "./usage-error.ts";

/** Runs the process's own command line and sets its exit code. */
export async function runProgram(): Promise<void> {
  const stdout = outputOf(process.stdout, process.env);
  const stderr = outputOf(process.stderr, process.env);
  const signals = watchSignals();
  const io: CommandIo = {
    stdin: process.stdin,
    stdout,
    stderr,
    environment: process.env,
    clock: systemClock,
    random: systemRandom,
    signal: signals.signal,
  };
  process.exitCode = await run(process.argv.slice(2), io);
  signals.stop();
  // Standard input that is still open would keep the process alive after everything is done.
  process.stdin.unref?.();
}

/** Runs one command line against the given streams; resolves to the exit code, never rejects. */
export async function run(words: readonly string[], io: CommandIo): Promise<number> {
  const [first, ...rest] = words;
  const asked = { json: words.includes("--json"), verbose: words.includes("--verbose") };
  try {
    if (first === undefined || first === "--help" || first === "-h") {
      await print(io.stdout, programHelp(commandTable, io.stdout.style));
      return first === undefined ? exitCodes.usage : exitCodes.success;
    }
    if (first === "--version") {
      await print(io.stdout, `${packageVersion()}\n`);
      return exitCodes.success;
    }
    return await runCommand(first, rest, io);
  } catch (error) {
    if (isReaderGone(error)) return exitCodes.success;
    io.stderr.write(reportError(error, { ...asked, style: io.stderr.style }));
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failure;
  }
}

async function runCommand(name: string, words: readonly string[], io: CommandIo): Promise<number> {
  const entry = commandTable.find((candidate) => candidate.name === name);
  if (entry === undefined) throw unknownCommand(name);
  const command = await entry.load();
  const { flags, positionals } = parseFlags(command, words);
  if (flags["help"] === true) {
    await print(io.stdout, commandHelp(command, io.stdout.style));
    return exitCodes.success;
  }
  const json = flags["json"] === true;
  const code = await command.run({
    flags,
    positionals,
    json,
    verbose: flags["verbose"] === true,
    io,
  });
  await io.stdout.drained();
  return code;
}

async function print(output: CommandOutput, text: string): Promise<void> {
  output.write(text);
  await output.drained();
}

function unknownCommand(name: string): UsageError {
  const names = commandTable.map((entry) => entry.name);
  if (name.startsWith("-")) return new UsageError(`there is no flag ${name} before a command`);
  const suggestion = nearest(name, names);
  const hint =
    suggestion === undefined
      ? `: there are ${names.join(", ")}`
      : `: did you mean '${suggestion}'?`;
  return new UsageError(`there is no command '${name}'${hint}`);
}

function packageVersion(): string {
  const path = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
