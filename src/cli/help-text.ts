// The help: of the program, and of each command from its own table. Pure.
import type { Command, CommandEntry, Flag } from "./command.ts";
import { sharedFlags } from "./parse-flags.ts";
import type { Style } from "./terminal/ansi.ts";

/** The help of the program: its commands, and how to learn more. */
export function programHelp(entries: readonly CommandEntry[], style: Style): string {
  const width = Math.max(...entries.map((entry) => entry.name.length));
  return lines([
    `${style.bold("spillway")}: durable messaging in a directory`,
    "",
    "Usage: spillway COMMAND [FLAGS]",
    "",
    style.bold("Commands"),
    ...entries.map((entry) => `  ${entry.name.padEnd(width)}  ${entry.summary}`),
    "",
    style.bold("Flags"),
    "  --help, -h  print this help, or that of a command",
    "  --version   print the version",
    "",
    "Try it: spillway demo",
    "Exit codes: 0 success, 1 failure, 2 wrong usage",
  ]);
}

/** The help of one command. */
export function commandHelp(command: Command, style: Style): string {
  const flags: readonly (readonly [string, Flag])[] = Object.entries({
    ...command.flags,
    ...sharedFlags,
  });
  const left = flags.map(([name, flag]) => signature(name, flag));
  const width = Math.max(...left.map((text) => text.length));
  return lines([
    `${style.bold(`spillway ${command.name}`)}: ${command.summary}`,
    "",
    `Usage: spillway ${command.name} ${command.usage}`.trimEnd(),
    ...(command.description.length === 0 ? [] : ["", ...command.description]),
    "",
    style.bold("Flags"),
    ...flags.map(([, flag], index) => `  ${(left[index] ?? "").padEnd(width)}  ${flag.summary}`),
    "",
    style.bold("Examples"),
    ...command.examples.map((example) => `  ${example}`),
  ]);
}

function signature(name: string, flag: Flag): string {
  const short = flag.short === undefined ? "" : `, -${flag.short}`;
  return `--${name}${short}${flag.placeholder === undefined ? "" : ` ${flag.placeholder}`}`;
}

function lines(all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
