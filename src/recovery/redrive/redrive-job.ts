// A redrive as it is stored: what it is to do, how far it came, who runs it. Shapes, defaults and
// checks. Always true: a job can be stored as JSON and resumed from it by another process.
import { assertName } from "../../contracts/names.ts";
import type { LetterEdit } from "../../delivery/redrive-note.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { LetterFilter } from "../dead-letters/letter-filter.ts";

/**
 * "running": somebody works on it, or was killed doing so. "paused": it was asked to stop, and can
 * go on. "stopped": too much failed again. "cancelled" and "finished" are over.
 */
export type RedriveState = "running" | "paused" | "stopped" | "cancelled" | "finished";

/** How letters are redriven. */
export interface RedriveRules {
  /** The channel they go to. Default: where they came from, for the group that failed. */
  readonly to?: string;
  /**
   * Whether letters that are meant bring along the others of their group and key, where the group
   * handles keys in order. Default true.
   */
  readonly wholeKeys?: boolean;
  /** Share of renewed failures in a batch above which it stops, 0 to 1. Default 0.2. */
  readonly failureShareMax?: number;
  /** Most letters a second. Default: no bound. */
  readonly ratePerSecond?: number;
  /** Redrives letters too that are older than repeats are remembered. Default false. */
  readonly allowRepeat?: boolean;
  /** Who wants it; kept with the redrive. Needed for an edit. */
  readonly author?: string;
}

/** Default of `failureShareMax`. */
export const failureShareMaxDefault = 0.2;
/** Most letters of one redrive. */
export const redriveLettersMax = 100_000;
/** Most bytes of edited data. */
export const editBytesMax = 1_048_576;
/** Finished redrives that are remembered. */
export const jobsKeptMax = 100;

/** How far a redrive came. */
export interface RedriveCounts {
  /** Letters it was to redrive when it began. */
  readonly selected: number;
  /** Copies stored. */
  readonly redriven: number;
  /** Of these: handled, or moved to another channel. */
  readonly resolved: number;
  /** Of these: set aside again. */
  readonly failed: number;
  /** Left as they were: expired, behind a failed one of their key, or not read any more. */
  readonly skipped: number;
}

/** A redrive, as everybody can see it. */
export interface RedriveReport extends RedriveCounts {
  readonly id: string;
  /** The channel of the letters. */
  readonly letters: string;
  readonly state: RedriveState;
  /** Why it stopped, where it did not finish. */
  readonly stopReason: string | undefined;
  readonly filter: LetterFilter;
  readonly rules: RedriveRules;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
}

/** The row of a redrive. */
export interface RedriveJob extends RedriveReport {
  /** Letters from this offset on are none of its business. */
  readonly end: number;
  /** Contract types; undefined: all. */
  readonly types: readonly string[] | undefined;
  /** The one letter that is edited. */
  readonly edit: (LetterEdit & { readonly letter: number }) | undefined;
  /** Changes with every process that takes it up. */
  readonly runner: string;
}

/** What others may see of a job. */
export function reportOf(job: RedriveJob): RedriveReport {
  const { end: _end, types: _types, edit: _edit, runner: _runner, ...report } = job;
  return report;
}

/** Whether nobody may begin another one. */
export function isActive({ state }: RedriveJob): boolean {
  return state === "running" || state === "paused";
}

/** Throws INVALID_ARGUMENT for the first rule that cannot be used; gives back rules alone. */
export function rulesOf(given: RedriveRules): RedriveRules {
  const { to, wholeKeys, failureShareMax, ratePerSecond, allowRepeat, author } = given;
  if (to !== undefined) assertName("destination channel", to);
  assertRange("failureShareMax", failureShareMax, (share) => share >= 0 && share <= 1, "0 to 1");
  assertRange("ratePerSecond", ratePerSecond, (rate) => rate > 0, "more than 0");
  if (author !== undefined && (typeof author !== "string" || author.trim() === "")) {
    throw invalid("author", author, "give a name, or leave it out");
  }
  return {
    ...(to !== undefined && { to }),
    ...(wholeKeys !== undefined && { wholeKeys }),
    ...(failureShareMax !== undefined && { failureShareMax }),
    ...(ratePerSecond !== undefined && { ratePerSecond }),
    ...(allowRepeat !== undefined && { allowRepeat }),
    ...(author !== undefined && { author }),
  };
}

function assertRange(
  name: string,
  value: number | undefined,
  fits: (value: number) => boolean,
  range: string,
): void {
  if (value === undefined || (Number.isFinite(value) && fits(value))) return;
  throw invalid(name, value, `give a number, ${range}`);
}

/** A rule of a redrive that cannot be used. */
export function invalid(name: string, value: unknown, rule: string): SpillwayError {
  return new SpillwayError("INVALID_ARGUMENT", `redrive: ${name} is ${String(value)}: ${rule}`, {
    details: { option: name },
  });
}
