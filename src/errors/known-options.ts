// Options that nobody knows: callers without types mistype them, and what is ignored in silence is
// found in production. Owns the check and its words. Always true: it allocates nothing while every
// name is known.
import { nearest } from "../kernel/nearest.ts";
import { SpillwayError } from "./spillway-error.ts";

/** Most known names that an error lists. */
const namesShownMax = 24;

/** The names of `Options`; one that is missing, or is none of them, does not compile. */
export function optionNames<Options>(
  names: {
    readonly [Name in keyof Required<Options>]: true;
  },
): ReadonlySet<string> {
  return new Set(Object.keys(names));
}

/**
 * Throws INVALID_ARGUMENT for the first option that is not known; `call` and `of` say whose
 * options they are, as in "message" and "com.acme.order.placed".
 */
export function assertKnownOptions(
  options: object | undefined,
  known: ReadonlySet<string>,
  call: string,
  of?: string,
): void {
  // A loop over names makes no list of them; values are not looked at.
  for (const option in options) {
    if (known.has(option)) continue;
    const subject = of === undefined ? call : `${call} '${of}'`;
    const message = `${subject}: ${unknownOption(option, known)}`;
    throw new SpillwayError("INVALID_ARGUMENT", message, { details: { option } });
  }
}

/** The fault in words, with the name that was meant. */
export function unknownOption(option: string, known: ReadonlySet<string>): string {
  const names = [...known];
  const meant = nearest(option, names);
  const remedy =
    meant === undefined
      ? `use ${names.slice(0, namesShownMax).join(", ")}`
      : `did you mean ${meant}?`;
  return `${option} is not an option: ${remedy}`;
}
