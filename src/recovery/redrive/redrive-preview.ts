// What a redrive would do, without doing it: how many letters, of whom and why, and some of them.
// Always true: nothing is written, and what is kept is bounded.
import type { DeadLetter } from "../dead-letters/letter.ts";
import { type LetterGroup, LetterCounter } from "../dead-letters/letter-groups.ts";
import { batchSize } from "./batch-schedule.ts";
import type { RedriveRules } from "./redrive-job.ts";
import type { PlannedLetter } from "./redrive-plan.ts";

/** Letters shown of a preview. */
export const samplesMax = 10;

/** What a redrive would do. */
export interface RedrivePreview {
  /** Letters it would take. */
  readonly letters: number;
  /** Of these: not meant by the filter, but of the key of one that is. */
  readonly ofSameKey: number;
  /** Of these: their time has passed; they would be left. */
  readonly expired: number;
  /** Of these: older than repeats are remembered, so that it needs `allowRepeat`. */
  readonly beyondHorizon: number;
  /** Their causes, most first. */
  readonly groups: readonly LetterGroup[];
  /** Some of them, as they were set aside first. */
  readonly samples: readonly DeadLetter[];
  /** Batches it would take, if nothing fails. */
  readonly batches: number;
}

/** Gathers a preview while a plan is made. */
export class PreviewMaker {
  readonly #counter = new LetterCounter();
  readonly #samples: DeadLetter[] = [];

  /** Takes in one letter of the plan. */
  take(letter: DeadLetter): void {
    this.#counter.take(letter);
    if (this.#samples.length < samplesMax) this.#samples.push(letter);
  }

  /** The preview of the whole plan. */
  preview(
    letters: readonly PlannedLetter[],
    { ratePerSecond }: RedriveRules,
    nowMs: number,
  ): RedrivePreview {
    const count = (is: (letter: PlannedLetter) => boolean): number => letters.filter(is).length;
    let batches = 0;
    for (let left = letters.length; left > 0; batches++) left -= batchSize(batches, ratePerSecond);
    return {
      letters: letters.length,
      ofSameKey: count(({ isMeant }) => !isMeant),
      expired: count(({ expiresAtMs }) => expiresAtMs !== undefined && expiresAtMs <= nowMs),
      beyondHorizon: count(({ horizonMs }) => horizonMs !== undefined && horizonMs < nowMs),
      groups: this.#counter.result().groups,
      samples: this.#samples,
      batches,
    };
  }
}
