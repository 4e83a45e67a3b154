// What a command is: its words for people, its flags, and what it does with them. It knows nothing
// of any single command. Always true: whatever a command prints goes through its CommandIo.
import type { Readable } from "node:stream";
import type { Clock } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import type { Style, TerminalOutput } from "./terminal/ansi.ts";

/** Exit codes: done, failed, called wrongly. */
export const exitCodes = { success: 0, failure: 1, usage: 2 } as const;

/** One flag of a command. */
export interface Flag {
  /** "boolean" flags take no value; a "list" may be given several times. */
  readonly type: "boolean" | "string" | "count" | "number" | "list";
  /** What stands for the value in the help text. */
  readonly placeholder?: string;
  readonly summary: string;
  readonly short?: string;
  /** For "count" (a whole number) and "number": the smallest and largest value allowed. */
  readonly min?: number;
  readonly max?: number;
  readonly required?: boolean;
}

/** The values of a command's flags, by name; absent where the flag was not given. */
export type FlagValues = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** One end of the process's output, with what is known about the terminal behind it. */
export interface CommandOutput extends TerminalOutput {
  readonly isTerminal: boolean;
  readonly style: Style;
  /** Resolves once what was written may be forgotten; rejects with the stream's error. */
  drained(): Promise<void>;
}

/** Everything a command may touch besides its flags. */
export interface CommandIo {
  readonly stdin: Readable;
  readonly stdout: CommandOutput;
  readonly stderr: CommandOutput;
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly random: Random;
  /** Fires at the first Ctrl-C or SIGTERM; a second one ends the process. */
  readonly signal: AbortSignal;
}

/** One call of a command. */
export interface CommandCall {
  readonly flags: FlagValues;
  readonly positionals: readonly string[];
  readonly json: boolean;
  readonly verbose: boolean;
  readonly io: CommandIo;
}

/** A command of the program. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows the name in the usage line. */
  readonly usage: string;
  /** Further lines of the command's own help. */
  readonly description: readonly string[];
  readonly flags: Readonly<Record<string, Flag>>;
  /** How many positional words it takes. */
  readonly positionalsMax: number;
  readonly examples: readonly string[];
  /** Does it and resolves to the exit code. */
  run(call: CommandCall): Promise<number>;
}

/** A command as the table holds it: its code is loaded when it is called or explained. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}
