// What a schedule is made of: the expression, its zone, and what becomes of due times that were
// missed. Data and its checks. Always true: equal rules have equal texts, by which processes agree
// on which definition counts.
import type { OutgoingMessage } from "../contracts/contract.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { CronExpression } from "./cron-expression.ts";

/** Default of `catchUpMax`. */
export const catchUpDefault = 100;
/** Most due times that are caught up at once. */
export const catchUpLimit = 1_000;
/** Default of `lateMsMax`. */
export const lateMsDefault = 60_000;

/** What becomes of due times at which nobody was there. */
export type CatchUp = "none" | "last" | "all";

/** When a schedule fires. */
export interface ScheduleRules {
  /** Five fields (minute, hour, day of month, month, weekday), or six with seconds first. */
  readonly cron: string;
  /** The zone of the expression, as in "Europe/Zurich". Default "UTC". */
  readonly timeZone?: string;
  /**
   * After a time without a process: "none" (default) skips what is later than `lateMsMax`, "last"
   * fires the newest due time, "all" fires each, oldest first, the newest `catchUpMax` of them.
   */
  readonly catchUp?: CatchUp;
  /** How late a due time still fires with "none". Default 60,000. */
  readonly lateMsMax?: number;
  /** Most due times that "all" fires at once, 1 to 1,000. Default 100. */
  readonly catchUpMax?: number;
}

/** One due time of a schedule. */
export interface Firing {
  /** The schedule's name. */
  readonly name: string;
  /** When it was due, wall ms. */
  readonly dueAtMs: number;
  /** When its tick was handled, wall ms: later than due after a time without a process. */
  readonly firedAtMs: number;
}

/** Makes what a firing publishes. */
export type FiringHandler = (firing: Firing) => FiringResult | Promise<FiringResult>;

/** One message, several, or none. */
export type FiringResult = OutgoingMessage | readonly OutgoingMessage[] | undefined;

/** The rules with every default. */
export type WholeRules = Required<ScheduleRules>;

/** Checks rules and fills in defaults; throws INVALID_ARGUMENT. */
export function wholeRules(name: string, rules: ScheduleRules): WholeRules {
  const { cron, timeZone = "UTC", catchUp = "none" } = rules;
  const { lateMsMax = lateMsDefault, catchUpMax = catchUpDefault } = rules;
  const check = (option: string, value: unknown, isRight: boolean, remedy: string): void => {
    if (isRight) return;
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `schedule '${name}': ${option} is ${JSON.stringify(value)}: give ${remedy}`,
      { details: { schedule: name, option } },
    );
  };
  check("cron", cron, typeof cron === "string", "an expression such as '0 2 * * *'");
  check("timeZone", timeZone, typeof timeZone === "string", "a zone such as 'Europe/Zurich'");
  check("catchUp", catchUp, ["none", "last", "all"].includes(catchUp), "none, last or all");
  check("lateMsMax", lateMsMax, lateMsMax >= 0, "a number of milliseconds, 0 or more");
  const isCount = Number.isSafeInteger(catchUpMax) && catchUpMax >= 1 && catchUpMax <= catchUpLimit;
  check("catchUpMax", catchUpMax, isCount, `a whole number from 1 to ${catchUpLimit}`);
  const whole = { cron, timeZone, catchUp, lateMsMax, catchUpMax };
  const isEver = new CronExpression(cron, timeZone).after(0) !== undefined;
  check("cron", cron, isEver, "an expression that is due at some time");
  return whole;
}

/** The definition as text. */
export function definitionOf(rules: WholeRules): string {
  const { cron, timeZone, catchUp, lateMsMax, catchUpMax } = rules;
  return JSON.stringify({ cron, timeZone, catchUp, lateMsMax, catchUpMax });
}

/** Which due times fire, of those up to now, when the tick of `dueAtMs` is handled. */
export function dueTimes(
  { catchUp, lateMsMax, catchUpMax }: WholeRules,
  expression: CronExpression,
  dueAtMs: number,
  nowMs: number,
): number[] {
  // A clock that was set back does not take a due time back.
  const untilMs = Math.max(nowMs, dueAtMs);
  const countMax = catchUp === "all" ? catchUpMax : 1;
  const missed = expression.upTo(untilMs, countMax).filter((each) => each >= dueAtMs);
  return catchUp === "none" ? missed.filter((each) => untilMs - each <= lateMsMax) : missed;
}
