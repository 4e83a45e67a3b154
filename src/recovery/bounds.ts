// Checks of the numbers in a policy. Always true: an error names the place, the value and the
// range.
import { SpillwayError } from "../errors/spillway-error.ts";

/** Throws INVALID_ARGUMENT unless the value is a whole number of the range. */
export function assertWhole(place: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw invalidPolicy(`${place} is ${String(value)}: give a whole number from ${min} to ${max}`);
}

/** Throws INVALID_ARGUMENT unless the value is a number of milliseconds, `min` or more. */
export function assertMilliseconds(place: string, value: number, min = 0): void {
  if (typeof value === "number" && Number.isFinite(value) && value >= min) return;
  throw invalidPolicy(`${place} is ${String(value)}: give milliseconds, ${min} or more`);
}

/** What is thrown for a policy that cannot be used. */
export function invalidPolicy(message: string): SpillwayError {
  return new SpillwayError("INVALID_ARGUMENT", message);
}
