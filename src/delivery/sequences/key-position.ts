// How far a group is in the sequence of one key, and what a number means there. Pure. Always true:
// a number that was settled is told as a duplicate as long as its gap is remembered, and one that
// was passed over as late.

/** Gaps of a key that are remembered; a number of an older one is told as a duplicate. */
export const gapsPerKeyMax = 32;

/** How far a group is in one sequence. */
export interface KeyPosition {
  /** The lowest number that counts. */
  readonly first: number;
  /** The highest number that was settled. */
  readonly last: number;
  /** What was passed over below it: first and last number of each gap, ascending. */
  readonly gaps: readonly (readonly [number, number])[];
}

/** What a message's number says of the messages before it. */
export interface SequenceStanding {
  /**
   * "first": nothing was known of its key. "in-order": it follows the last one. "gap": numbers
   * before it have not come. "late": numbers behind it were handled before. "duplicate": its number
   * was handled before.
   */
  readonly kind: "first" | "in-order" | "gap" | "late" | "duplicate";
  readonly number: number;
  /** The number that would have been next; undefined for the first. */
  readonly expected: number | undefined;
  /** How many numbers before it have not come; 0 unless it is a gap. */
  readonly missing: number;
}

/** The position before the first number. */
export function positionBefore(first: number): KeyPosition {
  return { first, last: first - 1, gaps: [] };
}

/** What this number means; without a position it is the first. */
export function standingOf(position: KeyPosition | undefined, number: number): SequenceStanding {
  if (position === undefined) return { kind: "first", number, expected: undefined, missing: 0 };
  const expected = position.last + 1;
  if (number === expected) return { kind: "in-order", number, expected, missing: 0 };
  if (number > expected) return { kind: "gap", number, expected, missing: number - expected };
  const isLate = number < position.first || gapOf(position, number) !== undefined;
  return { kind: isLate ? "late" : "duplicate", number, expected, missing: 0 };
}

/** The position when this number is settled; the same one where that changes nothing. */
export function settledAt(position: KeyPosition | undefined, number: number): KeyPosition {
  if (position === undefined) return { first: number, last: number, gaps: [] };
  const { first, last, gaps } = position;
  if (number > last) {
    const passed = rangeOf(last + 1, number - 1);
    return { first, last: number, gaps: [...gaps, ...passed].slice(-gapsPerKeyMax) };
  }
  if (number < first) {
    const passed = rangeOf(number + 1, first - 1);
    return { first: number, last, gaps: [...passed, ...gaps].slice(-gapsPerKeyMax) };
  }
  const gap = gapOf(position, number);
  if (gap === undefined) return position;
  const [from, to] = gap;
  const left = gaps.flatMap((each) =>
    each === gap ? [...rangeOf(from, number - 1), ...rangeOf(number + 1, to)] : [each],
  );
  return { first, last, gaps: left.slice(-gapsPerKeyMax) };
}

function gapOf({ gaps }: KeyPosition, number: number): readonly [number, number] | undefined {
  return gaps.find(([from, to]) => from <= number && number <= to);
}

function rangeOf(from: number, to: number): [number, number][] {
  return from <= to ? [[from, to]] : [];
}
