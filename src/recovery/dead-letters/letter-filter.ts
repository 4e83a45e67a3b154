// Which letters are meant. Shapes, their check, and the comparison. Always true: a filter that was
// checked can be stored as JSON and means the same when it is read back.
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { DeadLetter, Standing } from "./letter.ts";

/** Which letters are meant; what is left out does not matter. */
export interface LetterFilter {
  /** Who could not handle them. */
  readonly group?: string;
  /** A fingerprint, a code of the error table, or the class of an error. */
  readonly error?: string;
  readonly key?: string;
  /** The contract's type. */
  readonly type?: string;
  /** Set aside at this time or later, wall milliseconds. */
  readonly sinceMs?: number;
  /** Set aside before this time, wall milliseconds. */
  readonly untilMs?: number;
  /** These letters alone, by their offsets among the letters; at most 1,000. */
  readonly offsets?: readonly number[];
}

/** Most offsets of one filter. */
export const filterOffsetsMax = 1_000;

/** Throws INVALID_ARGUMENT for the first member that cannot be used. */
export function assertFilter(filter: LetterFilter): void {
  for (const name of ["group", "error", "key", "type"] as const) {
    const value: unknown = filter[name];
    if (value === undefined || (typeof value === "string" && value !== "")) continue;
    throw invalid(name, value, "give a text, or leave it out");
  }
  for (const name of ["sinceMs", "untilMs"] as const) {
    const value: unknown = filter[name];
    if (value === undefined || Number.isFinite(value)) continue;
    throw invalid(name, value, "give a wall time in milliseconds");
  }
  const offsets: unknown = filter.offsets;
  if (offsets === undefined) return;
  const list: readonly unknown[] = Array.isArray(offsets) ? offsets : [];
  if (list.length === 0 || list.length > filterOffsetsMax) {
    const given = Array.isArray(offsets) ? `${list.length} offsets` : offsets;
    throw invalid("offsets", given, `give 1 to ${filterOffsetsMax} offsets of letters`);
  }
  const wrong = list.find((offset) => !Number.isSafeInteger(offset));
  if (wrong !== undefined) throw invalid("offsets", wrong, "give offsets of letters");
}

/** The filter alone: nothing else that an object of options holds. */
export function filterOf(options: LetterFilter): LetterFilter {
  const { group, error, key, type, sinceMs, untilMs, offsets } = options;
  return {
    ...(group !== undefined && { group }),
    ...(error !== undefined && { error }),
    ...(key !== undefined && { key }),
    ...(type !== undefined && { type }),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(untilMs !== undefined && { untilMs }),
    ...(offsets !== undefined && { offsets }),
  };
}

/** Whether the letter is meant. */
export function matches(filter: LetterFilter, letter: Omit<DeadLetter, "standing">): boolean {
  const { group, error, key, type, sinceMs, untilMs, offsets } = filter;
  if (group !== undefined && letter.group !== group) return false;
  if (key !== undefined && letter.envelope.key !== key) return false;
  if (type !== undefined && letter.envelope.type !== type) return false;
  if (sinceMs !== undefined && letter.failedAtMs < sinceMs) return false;
  if (untilMs !== undefined && letter.failedAtMs >= untilMs) return false;
  if (offsets !== undefined && !offsets.includes(letter.offset)) return false;
  if (error === undefined) return true;
  return letter.fingerprint === error || letter.code === error || letter.errorName === error;
}

/** Every standing, for options and flags. */
export const standings: readonly Standing[] = ["pending", "redriven", "resolved", "failed"];

/** What is listed where nobody says otherwise: what still is somebody's work. */
export const openStandings: readonly Standing[] = ["pending", "redriven"];

function invalid(name: string, value: unknown, rule: string): SpillwayError {
  return new SpillwayError(
    "INVALID_ARGUMENT",
    `dead letters: ${name} is ${String(value)}: ${rule}`,
    {
      details: { option: name },
    },
  );
}
