// Letters by cause: how many there are of each fingerprint, since when, and one of them to look at.
// Always true: at most groupsMax causes are told apart; letters of further ones are counted.
import type { DeadLetter } from "./letter.ts";

/** Most causes that are told apart. */
export const groupsMax = 1_000;

/** The letters of one group with one cause. */
export interface LetterGroup {
  readonly fingerprint: string;
  /** Who could not handle them. */
  readonly group: string;
  readonly code: string;
  readonly errorName: string | undefined;
  /** The reason of the newest one. */
  readonly reason: string;
  readonly count: number;
  /** When the first and the last of them were set aside, wall milliseconds. */
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** The newest one's offset among the letters. */
  readonly newestOffset: number;
}

/** Letters by cause, most first. */
export interface LetterGroups {
  readonly groups: readonly LetterGroup[];
  /** Letters in all. */
  readonly letters: number;
  /** Of these: letters of causes beyond groupsMax, in no group. */
  readonly others: number;
}

/** Counts letters by group and fingerprint. */
export class LetterCounter {
  readonly #groups = new Map<string, LetterGroup>();
  #letters = 0;
  #others = 0;

  /** Takes in one letter; they come in the order in which they were set aside. */
  take({ group, fingerprint, code, errorName, reason, failedAtMs, offset }: DeadLetter): void {
    this.#letters++;
    const name = `${group} ${fingerprint}`;
    const known = this.#groups.get(name);
    if (known === undefined && this.#groups.size === groupsMax) {
      this.#others++;
      return;
    }
    this.#groups.set(name, {
      fingerprint,
      group,
      code,
      errorName,
      reason,
      count: (known?.count ?? 0) + 1,
      firstAtMs: Math.min(failedAtMs, known?.firstAtMs ?? failedAtMs),
      lastAtMs: Math.max(failedAtMs, known?.lastAtMs ?? failedAtMs),
      newestOffset: offset,
    });
  }

  /** What was counted. */
  result(): LetterGroups {
    const groups = [...this.#groups.values()].sort(
      (left, right) => right.count - left.count || right.lastAtMs - left.lastAtMs,
    );
    return { groups, letters: this.#letters, others: this.#others };
  }
}
