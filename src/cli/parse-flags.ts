// From words to flags. It checks everything that the flag table of a command says, so that commands
// get values they can use; it does nothing else. Always true: a flag that the table does not list,
// a missing or superfluous value and a flag given twice are refused with a UsageError.
import { parseArgs } from "node:util";
import type { Command, Flag, FlagValues } from "./command.ts";
import { nearest } from "../kernel/nearest.ts";
import { UsageError } from "./usage-error.ts";

/** The flags that every command takes. */
export const sharedFlags = {
  json: { type: "boolean", summary: "print JSON for scripts instead of text for people" },
  verbose: { type: "boolean", summary: "with an error, print its stack trace and its causes" },
  help: { type: "boolean", short: "h", summary: "print this help" },
} as const satisfies Record<string, Flag>;

/** What the words after a command's name say. */
export interface ParsedWords {
  readonly flags: FlagValues;
  readonly positionals: readonly string[];
}

/** Parses the words after the name of `command`; throws UsageError. */
export function parseFlags(command: Command, words: readonly string[]): ParsedWords {
  const table: Readonly<Record<string, Flag>> = { ...command.flags, ...sharedFlags };
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(
      Object.entries(table).map(([name, flag]) => [
        name,
        {
          type: flag.type === "boolean" ? ("boolean" as const) : ("string" as const),
          ...(flag.short === undefined ? {} : { short: flag.short }),
        },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags: Record<string, FlagValues[string]> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(table, token.name) ? table[token.name] : undefined;
    if (flag === undefined) throw unknownFlag(command, token.rawName, Object.keys(table));
    const before = flags[token.name];
    if (before !== undefined && flag.type !== "list") {
      throw new UsageError(`${token.rawName} is given twice: give it once`, command.name);
    }
    // A word that looks like a flag is the next flag, not a value, unless "=" attached it.
    const swallowed = token.inlineValue === false && /^-./.test(token.value);
    const given = swallowed ? undefined : token.value;
    const value = valueOf(command, token.rawName, flag, given);
    const list = typeof before === "object" ? before : [];
    flags[token.name] = flag.type === "list" ? [...list, String(value)] : value;
  }
  if (flags["help"] !== true) checkPresence(command, flags, positionals);
  return { flags, positionals };
}

function unknownFlag(command: Command, typed: string, known: readonly string[]): UsageError {
  const suggestion = nearest(typed.replace(/^-+/, ""), known);
  const hint = suggestion === undefined ? "" : `: did you mean --${suggestion}?`;
  return new UsageError(`${command.name} has no flag ${typed}${hint}`, command.name);
}

function valueOf(
  command: Command,
  name: string,
  flag: Flag,
  given: string | undefined,
): string | number | boolean {
  if (flag.type === "boolean") {
    if (given === undefined) return true;
    throw new UsageError(`${name} takes no value, and '${given}' was given`, command.name);
  }
  if (given === undefined || given === "") {
    throw new UsageError(`${name} needs a value: ${flag.placeholder ?? "VALUE"}`, command.name);
  }
  if (flag.type === "string" || flag.type === "list") return given;
  const value = Number(given);
  const whole = flag.type === "count";
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = flag;
  const fits = given.trim() !== "" && value >= min && value <= max;
  if (fits && (!whole || Number.isInteger(value))) return value;
  const kind = whole ? "a whole number" : "a number";
  const bounds = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`;
  throw new UsageError(`${name} is '${given}': give ${kind}, ${bounds}`, command.name);
}

function checkPresence(command: Command, flags: FlagValues, positionals: readonly string[]): void {
  const extra = positionals[command.positionalsMax];
  if (extra !== undefined) {
    const takesChannel = command.positionalsMax === 0 && command.flags["channel"] !== undefined;
    const isChannel = takesChannel && flags["channel"] === undefined;
    const hint = isChannel ? `: did you mean --channel ${extra}?` : "";
    const text = `${command.name} does not know what to do with '${extra}'${hint}`;
    throw new UsageError(text, command.name);
  }
  for (const [name, flag] of Object.entries(command.flags)) {
    if (flag.required === true && flags[name] === undefined) {
      throw new UsageError(
        `${command.name} needs --${name} ${flag.placeholder ?? "VALUE"}`,
        command.name,
      );
    }
  }
}
