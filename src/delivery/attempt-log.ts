// The failed attempts of one message, as a dead letter lists them: when, and with which error. Kept
// in memory while the message waits. Knows nothing of deliveries. Always true: a list is bounded,
// in entries and in text; the first attempt stays, of the later ones the last do.
import { reasonOf } from "./failure.ts";

/** One failed attempt. */
export interface FailedAttempt {
  /** 1 for the first delivery. */
  readonly attempt: number;
  /** When it failed, wall milliseconds. */
  readonly atMs: number;
  readonly code: string;
  /** Cut to reasonLengthMax characters. */
  readonly reason: string;
}

/** Most attempts that are listed. */
export const attemptsListedMax = 8;
/** Most characters of a listed reason. */
export const reasonLengthMax = 200;

/** The list with one more attempt. */
export function withAttempt(
  before: readonly FailedAttempt[] | undefined,
  attempt: FailedAttempt,
): readonly FailedAttempt[] {
  const { reason } = attempt;
  const last = before?.at(-1)?.reason;
  const short =
    reason.length > reasonLengthMax ? `${reason.slice(0, reasonLengthMax - 1)}…` : reason;
  // Most fail for the same reason every time: one text serves all.
  const added = { ...attempt, reason: short === last ? last : short };
  if (before === undefined) return [added];
  if (before.length < attemptsListedMax) return [...before, added];
  const [first] = before;
  return [first as FailedAttempt, ...before.slice(2), added];
}

/** The list as text, for an extension attribute. */
export function attemptsText(attempts: readonly FailedAttempt[]): string {
  return JSON.stringify(
    attempts.map(({ attempt, atMs, code, reason }) => [attempt, Math.trunc(atMs), code, reason]),
  );
}

/** The list of a text; empty where it is none. */
export function attemptsOf(text: unknown): readonly FailedAttempt[] {
  if (typeof text !== "string") return [];
  try {
    const entries: unknown = JSON.parse(text);
    if (!Array.isArray(entries)) return [];
    return entries.map((entry: readonly unknown[]) => ({
      attempt: Number(entry[0]),
      atMs: Number(entry[1]),
      code: reasonOf(entry[2]),
      reason: reasonOf(entry[3]),
    }));
  } catch {
    return [];
  }
}
