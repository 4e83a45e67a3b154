/**
 * The reasons, file by file.
 */
/** Why the tests do not notice these mutants. */
export interface Reason {
  readonly file: string;
  /** A part of the line that they change. */
  readonly line: string;
  /** What they put there; all mutants of the line when it is not given. */
  readonly replacements?: readonly string[];
  readonly reason: string;
}

/** Every reason; `reasons.ts` says for what a reason stands. */
export const reasons: readonly Reason[] = [
  {
    file: "src/delivery/attempt-log.ts",
    line: "const last = before?.at(-1)?.reason;",
    replacements: ["+1"],
    reason: "Equal texts are only kept once: how many copies there are is seen by no caller.",
  },
  {
    file: "src/delivery/attempt-log.ts",
    line: "reason: short === last ? last : short",
    replacements: ["false"],
    reason: "Equal texts are only kept once: how many copies there are is seen by no caller.",
  },
  {
    file: "src/delivery/attempt-log.ts",
    line: "if (!Array.isArray(entries)) return [];",
    replacements: ["false"],
    reason: "What is no list has no `map`, and the same empty list comes of the error.",
  },
  {
    file: "src/delivery/due-heap.ts",
    line: "return left.dueMs < right.dueMs",
    replacements: ["left.order <= right.order"],
    reason: "No two entries have the same number, and none is compared with itself.",
  },
  {
    file: "src/delivery/due-queue.ts",
    line: "if (firstMs === undefined || firstMs >= this.#timerMs) return;",
    replacements: ["false", "firstMs > this.#timerMs"],
    reason: "A timer that is set again for the same time: more work, and nothing else.",
  },
  {
    file: "src/delivery/failure.ts",
    line: "if (text.length * 3 <= reasonBytesMax ||",
    replacements: ["false", "text.length * 3 < reasonBytesMax"],
    reason: "The short way of the exact comparison behind it: more work, the same answer.",
  },
  {
    file: "src/delivery/failure.ts",
    line: "const head = text.slice(0, reasonBytesMax);",
    reason: "Keeps the encoding of a long text short: more work, the same answer.",
  },
  {
    file: "src/recovery/bounds.ts",
    line: 'typeof value === "number" && Number.isFinite(value)',
    replacements: ["true"],
    reason: "`Number.isFinite` is true of numbers alone: the test before it only says so.",
  },
  {
    file: "src/recovery/redrive/batch-schedule.ts",
    line: "return failed > 0 && failed / (failed + resolved) > failureShareMax;",
    replacements: ["true", "failed >= 0"],
    reason: "Without a failure the share is 0 or no number, and neither is above any bound.",
  },
];
