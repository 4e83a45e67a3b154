// Checks of what a flow control is given. Always true: an error names the place, the value and what
// would be right.
import { SpillwayError } from "../errors/spillway-error.ts";

/** Throws INVALID_ARGUMENT unless the value is a whole number of the range. */
export function assertWhole(place: string, value: unknown, min: number, max: number): void {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw invalidFlow(`${place} is ${String(value)}: give a whole number from ${min} to ${max}`);
}

/** Throws INVALID_ARGUMENT unless the value is a number of the range. */
export function assertNumber(place: string, value: unknown, min: number, max: number): void {
  if (typeof value === "number" && value >= min && value <= max) return;
  throw invalidFlow(`${place} is ${String(value)}: give a number from ${min} to ${max}`);
}

/** Throws INVALID_ARGUMENT unless a rule's `by` is one of these words, or a function. */
export function assertBy(place: string, by: unknown, words: readonly string[]): void {
  if (typeof by === "function" || words.includes(by as string)) return;
  const choice = words.map((word) => JSON.stringify(word)).join(", ");
  throw invalidFlow(`${place} is ${String(by)}: give ${choice} or a function of the message`);
}

/** What is thrown for a flow control that cannot be used. */
export function invalidFlow(message: string): SpillwayError {
  return new SpillwayError("INVALID_ARGUMENT", message);
}
