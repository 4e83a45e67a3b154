// When the orders of a case are due. Always true: the same case and seed give the same moments, on
// both sides.
import { seededRandom } from "../../../src/kernel/random.ts";
import { burstPeriods, burstShare } from "../cases.ts";
import { capacity, perSecondMax, type StudyCase } from "../study-run.ts";

/** In ms from the start, ascending; none where one order follows the other. */
export function momentsOf({ group, load, seconds }: StudyCase, seed: number): readonly number[] {
  if (load === 0) return [];
  const random = seededRandom(seed);
  const periodMs = group === "burst" ? (seconds * 1_000) / burstPeriods : seconds * 1_000;
  const busyMs = group === "burst" ? periodMs * burstShare : periodMs;
  const perMs = (load * perSecondMax(capacity) * (periodMs / busyMs)) / 1_000;
  const moments: number[] = [];
  for (let startMs = 0; startMs < seconds * 1_000; startMs += periodMs) {
    // Gaps between independent customers are distributed exponentially.
    for (let atMs = gap(); atMs < busyMs; atMs += gap()) moments.push(startMs + atMs);
  }
  return moments;

  function gap(): number {
    return -Math.log(1 - random.float()) / perMs;
  }
}
