// Offsets belong to one history of a store. After a restore from a backup the same offsets are
// given again, to other messages; the incarnation tells the two histories apart.
import { SpillwayError } from "../errors/spillway-error.ts";
import type { StartPosition } from "./transport.ts";

/** Throws INCARNATION_CHANGED where `from` says that it was taken from another history. */
export function assertIncarnation(from: StartPosition, incarnation: string | undefined): void {
  if (typeof from !== "object" || !("offset" in from)) return;
  if (from.incarnation === undefined || from.incarnation === incarnation) return;
  const now = incarnation === undefined ? "does not tell its own" : `is ${incarnation} now`;
  throw new SpillwayError(
    "INCARNATION_CHANGED",
    `offset ${from.offset} was taken from incarnation ${from.incarnation}, and this journal ` +
      `${now}: it was restored from a backup, or is another one, so that the same offset may be ` +
      "another message. Compare what you hold with what the journal holds, then start from one " +
      "of its own positions",
    { details: { offset: from.offset, incarnation: from.incarnation, now: incarnation ?? null } },
  );
}
