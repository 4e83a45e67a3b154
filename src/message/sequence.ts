// The number that a producer gives a message within its key, and its form on the wire: CloudEvents'
// `sequence`, a text that sorts as the numbers do. Knows nothing of keys.

/** Digits of the largest number, 2^53 − 1; shorter ones get zeros in front. */
const digits = 16;
const numeral = /^[0-9]{1,64}$/;

/** The attribute of a number. */
export function sequenceText(value: number): string {
  return String(value).padStart(digits, "0");
}

/**
 * The number of an attribute, also as others write it (`sequencetype: Integer`); undefined: it is
 * none, or too large to be told from its neighbours.
 */
export function sequenceNumber(text: string): number | undefined {
  const value = numeral.test(text) ? Number(text) : Number.NaN;
  return isSequence(value) ? value : undefined;
}

/** Whether a value can number a message: a whole number from 0 to 2^53 − 1. */
export function isSequence(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
