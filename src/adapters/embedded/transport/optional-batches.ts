// Batches of a unit that may be left out: those that are optional and whose channel does not exist.
// Knows nothing of units. Always true: a unit's results stand in the order of its batches, those
// left out included.
import type { OutgoingBatch } from "../../../message/outgoing-batch.ts";
import type { CommitResult } from "../../../ports/commit-unit.ts";
import type { AppendResult } from "../../../ports/delivery-batch.ts";

/** What became of a batch that was left out. */
export const dropped: AppendResult = Object.freeze({ firstOffset: -1, isDropped: true });

/** The batches that are to be stored; the same list where that is all of them. */
export function presentBatches(
  batches: readonly OutgoingBatch[],
  exists: (channel: string) => boolean,
): readonly OutgoingBatch[] {
  const isPresent = ({ isOptional, channel }: OutgoingBatch): boolean =>
    !isOptional || exists(channel);
  return batches.every(isPresent) ? batches : batches.filter(isPresent);
}

/** The result of a unit of which only the batches in `present` were to be stored. */
export function withDropped(
  result: CommitResult,
  batches: readonly OutgoingBatch[],
  present: readonly OutgoingBatch[],
): CommitResult {
  if (present.length === batches.length) return result;
  if (result.kind === "reused") {
    const reused = result.reused.map(({ publish, ...rest }) => {
      return { ...rest, publish: batches.indexOf(present[publish] as OutgoingBatch) };
    });
    return { ...result, reused };
  }
  if (result.kind !== "committed") return result;
  const { appended } = result;
  let at = 0;
  return {
    ...result,
    appended: batches.map((batch) =>
      batch === present[at] ? (appended[at++] ?? dropped) : dropped,
    ),
  };
}
