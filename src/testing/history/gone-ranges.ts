// The ranges of offsets that a log itself reports as gone, in order. Owns the search in them.
import type { ReplayGap } from "./history-event.ts";

/** Gaps of one log, as the full read met them: ascending, apart from each other. */
export class GoneRanges {
  #gaps: ReplayGap[] = [];

  add(gap: ReplayGap): void {
    this.#gaps.push(gap);
  }

  /** Whether a gap covers this offset. */
  has(offset: number): boolean {
    return this.overlaps(offset, offset + 1);
  }

  /** Whether a gap covers any of the offsets from `from` to before `to`. */
  overlaps(from: number, to: number): boolean {
    let low = 0;
    let high = this.#gaps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const gap = this.#gaps[middle];
      if (gap === undefined || to <= gap.firstOffset) high = middle;
      else if (from >= gap.firstOffset + gap.count) low = middle + 1;
      else return true;
    }
    return false;
  }

  /** Another full read begins. */
  clear(): void {
    this.#gaps = [];
  }
}
