// The flags that choose letters, shared by `dead-letters` and `redrive`. Always true: what comes
// out is checked; a flag that cannot be used is a usage error that says what to give.
import { parseTime } from "../../kernel/timestamp.ts";
import type { LetterKind, Standing } from "../../recovery/dead-letters/letter.ts";
import {
  filterOffsetsMax,
  type LetterFilter,
  openStandings,
  standings,
} from "../../recovery/dead-letters/letter-filter.ts";
import type { CommandCall, Flag, FlagValues } from "../command.ts";
import { directoryFlag } from "../journal-access.ts";
import { UsageError } from "../usage-error.ts";

/** Flags that choose letters. */
export const letterFlags: Readonly<Record<string, Flag>> = {
  directory: directoryFlag,
  channel: {
    type: "string",
    short: "c",
    placeholder: "CHANNEL",
    summary: "the channel whose messages were set aside",
  },
  group: { type: "string", short: "g", placeholder: "GROUP", summary: "only what this group left" },
  error: {
    type: "string",
    short: "e",
    placeholder: "ERROR",
    summary: "only this fingerprint, error code or class",
  },
  key: { type: "string", short: "k", placeholder: "KEY", summary: "only this key" },
  type: { type: "string", short: "t", placeholder: "TYPE", summary: "only this type" },
  since: {
    type: "string",
    placeholder: "TIME",
    summary: "set aside since then: 2030-01-31T12:00:00Z, or 90s, 15m, 2h, 7d ago",
  },
  until: { type: "string", placeholder: "TIME", summary: "set aside before then" },
  invalid: { type: "boolean", summary: "invalid messages instead of dead letters" },
};

/** The flag that says how far letters were worked off. */
export const standingFlag: Flag = {
  type: "string",
  placeholder: "STANDING",
  summary: `open (default), all, ${standings.join(", ")}`,
};

/** Which letters a call means; `offsets` come from elsewhere. */
export function filterOf(call: CommandCall, offsets: readonly number[] = []): LetterFilter {
  const { flags } = call;
  const text = (name: string): object => (flags[name] === undefined ? {} : { [name]: flags[name] });
  return {
    ...text("group"),
    ...text("error"),
    ...text("key"),
    ...text("type"),
    ...timeOf(call, "since", "sinceMs"),
    ...timeOf(call, "until", "untilMs"),
    ...(offsets.length > 0 && { offsets }),
  };
}

/** Dead letters or invalid messages. */
export function kindOf({ flags }: CommandCall): LetterKind {
  return flags["invalid"] === true ? "invalid" : "dead-letter";
}

/** The standings that a call means. */
export function standingsOf(value: FlagValues[string] | undefined): readonly Standing[] {
  if (value === undefined || value === "open") return openStandings;
  if (value === "all") return standings;
  const found = standings.find((each) => each === value);
  if (found !== undefined) return [found];
  const list = ["open", "all", ...standings].join(", ");
  throw new UsageError(`--standing is '${String(value)}': give one of ${list}`, "dead-letters");
}

/** Offsets of letters, each a word of its own or several with commas. */
export function offsetsOf(words: readonly string[], command: string): readonly number[] {
  const offsets = words.flatMap((word) => word.split(","));
  for (const each of offsets) {
    if (/^\d+$/.test(each) && Number.isSafeInteger(Number(each))) continue;
    throw new UsageError(`'${each}' is no offset of a letter: give a number as listed`, command);
  }
  if (offsets.length <= filterOffsetsMax) return offsets.map(Number);
  throw new UsageError(`${offsets.length} offsets: give at most ${filterOffsetsMax}`, command);
}

const units: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function timeOf({ flags, io }: CommandCall, name: string, member: string): object {
  const value = flags[name];
  if (value === undefined) return {};
  const text = String(value);
  const [, count, unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) {
    return { [member]: io.clock.wallMs() - Number(count) * (units[unit] as number) };
  }
  const timeMs = parseTime(text) ?? parseTime(`${text}T00:00:00Z`);
  if (timeMs !== undefined) return { [member]: timeMs };
  throw new UsageError(
    `--${name} is '${text}': give a time such as 2030-01-31T12:00:00Z, or 90s, 15m, 2h or 7d ago`,
    "dead-letters",
  );
}
