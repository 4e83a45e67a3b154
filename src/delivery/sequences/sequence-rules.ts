// What a subscription does with the numbers that producers give to messages within a key: the
// option `sequence`. Plain, immutable data, checked when it is made.
import { assertKnownOptions, optionNames } from "../../errors/known-options.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import { isSequence } from "../../message/sequence.ts";

/** What becomes of a message that comes when it is too late for its place. */
export type OutOfSequenceAction = "dead-letter" | "handle" | "discard";

/** Options of resequence(). */
export interface ResequenceOptions {
  /** The number of a key's first message; "any": the first that comes is the first. */
  readonly first: number | "any";
  /** How long a message waits for those before it. Default 30 s; a day at most. */
  readonly waitMsMax?: number;
  /** Messages of one key that wait; beyond that their first gap is given up. Default 1,000. */
  readonly depthMax?: number;
  /** Messages that wait in all; beyond that the oldest key's gaps are given up. Default 10,000. */
  readonly heldMax?: number;
  /** Numbers of a gap that was given up, when they come after all. Default "dead-letter". */
  readonly late?: OutOfSequenceAction;
  /** Numbers that were handled before. Default "dead-letter". */
  readonly duplicate?: OutOfSequenceAction;
}

/** Made by resequence(). */
export interface Resequence extends Readonly<Required<ResequenceOptions>> {
  readonly kind: "resequence";
}

/** What a subscription does with numbers; see resequence(). */
export type SequenceRules = "check" | Resequence;

/** Longest time that a message can wait for those before it: a day. */
export const sequenceWaitMsMax = 86_400_000;
/** Most messages of one key that can wait for those before them. */
export const sequenceDepthMax = 10_000;
/** Most messages of one subscription that can wait for those before them. */
export const sequenceHeldMax = 25_000;

const known = optionNames<ResequenceOptions>({
  first: true,
  waitMsMax: true,
  depthMax: true,
  heldMax: true,
  late: true,
  duplicate: true,
});

const made = new WeakSet<object>();

/**
 * Puts the messages of each key into the order of their numbers: what comes early stays open,
 * durably, until those before it were settled, or for `waitMsMax`. Then the handler goes on, and
 * `context.sequence` tells it of the gap. What comes later still goes to the dead letters, unless
 * `late` says otherwise; redriven, it is handled. The time counts while the subscription runs and
 * has looked at everything stored meanwhile, so that a backlog makes no gaps.
 *
 * Throws INVALID_ARGUMENT.
 *
 * @example
 * import { createBus, defineEvent, resequence } from "spillway";
 * import { memory } from "spillway/memory";
 * import { z } from "zod";
 * const Measured = defineEvent("com.acme.meter.measured", {
 *   data: z.object({ meter: z.string(), n: z.int() }),
 *   key: ({ meter }) => meter,
 *   sequence: ({ n }) => n,
 * });
 * await using bus = await createBus({ name: "meters", transport: memory() });
 * const sequence = resequence({ first: 1, waitMsMax: 5_000 });
 * const done = Promise.withResolvers<void>();
 * const seen: number[] = [];
 * await bus.subscribe(Measured, { sequence, delivery: "effectively-once" }, async ({ data }) => {
 *   if (seen.push(data.n) === 3) done.resolve();
 * });
 * await bus.publishMany(Measured, [2, 3, 1].map((n) => ({ meter: "m7", n })));
 * await done.promise;
 * console.log(seen); // [ 1, 2, 3 ]
 */
export function resequence(options: ResequenceOptions): Resequence {
  assertKnownOptions(options, known, "resequence");
  const { first, waitMsMax = 30_000, depthMax = 1_000, heldMax = 10_000 } = options;
  const { late = "dead-letter", duplicate = "dead-letter" } = options;
  if (first !== "any" && !isSequence(first)) {
    throw invalid("first", first, 'give the number of a key\'s first message, or "any"');
  }
  assertWhole("waitMsMax", waitMsMax, sequenceWaitMsMax);
  assertWhole("depthMax", depthMax, sequenceDepthMax);
  assertWhole("heldMax", heldMax, sequenceHeldMax);
  assertAction("late", late);
  assertAction("duplicate", duplicate);
  const rules: Resequence = Object.freeze({
    kind: "resequence",
    first,
    waitMsMax,
    depthMax,
    heldMax,
    late,
    duplicate,
  });
  made.add(rules);
  return rules;
}

/** Throws INVALID_ARGUMENT unless it is "check" or was made by resequence(). */
export function assertSequenceRules(rules: unknown): asserts rules is SequenceRules {
  if (rules === "check" || (typeof rules === "object" && rules !== null && made.has(rules))) return;
  const shown = typeof rules === "string" ? JSON.stringify(rules) : `a ${typeof rules}`;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `sequence is ${shown}: give "check", or what resequence({ first }) makes`,
  );
}

function assertWhole(option: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return;
  throw invalid(option, value, `give a whole number from 1 to ${max}`);
}

function assertAction(option: string, value: string): void {
  if (value === "dead-letter" || value === "handle" || value === "discard") return;
  throw invalid(option, value, 'give "dead-letter", "handle" or "discard"');
}

function invalid(option: string, value: unknown, rule: string): SpillwayError {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return new SpillwayError("INVALID_ARGUMENT", `resequence: ${option} is ${shown}: ${rule}`);
}
