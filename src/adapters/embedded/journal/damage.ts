// Damage of a whole journal: what is known of it, and the error that says so. Always true: the
// message names channels and offsets where they are known, and what to do next.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { MissingRange, TailDifference } from "./tail-compare.ts";

/** Ranges and reasons named in a message; the details have all of them. */
const namedMax = 5;

/** What is wrong with a journal that was found damaged when it was opened. */
export interface JournalDamage {
  readonly incarnation: string;
  /** One line each. */
  readonly reasons: readonly string[];
  /** Offsets that are missing at the end of their logs. */
  readonly missing: readonly MissingRange[];
  /** Whether nothing but the journal's end is missing, so that the loss can be accepted. */
  readonly isLoss: boolean;
}

/** "channel 'orders' (normal), offsets 10 to 19". */
function nameRange({ channel, priority, fromOffset, toOffset, exact }: MissingRange): string {
  const last = toOffset - 1;
  const offsets = last === fromOffset ? `offset ${fromOffset}` : `offsets ${fromOffset} to ${last}`;
  return `channel '${channel}' (${priority}), ${offsets}${exact ? "" : " at most"}`;
}

/** What a difference means, one line each; none where nothing is missing. */
export function lossReasons(difference: TailDifference): string[] {
  if (difference.otherIncarnation) {
    return ["its tail belongs to another journal, or to another life of this one"];
  }
  const reasons: string[] = [];
  if (difference.commits > 0) reasons.push(`the last ${difference.commits} commits are missing`);
  for (const range of difference.missing) reasons.push(`missing: ${nameRange(range)}`);
  return reasons;
}

/** The error of everything that a damaged journal refuses. */
export function damagedJournal(directory: string, damage: JournalDamage): SpillwayError {
  const { reasons, missing, isLoss } = damage;
  const more = reasons.length - namedMax;
  const named = reasons.slice(0, namedMax).join("; ") + (more > 0 ? `; and ${more} more` : "");
  const next = isLoss
    ? "`spillway repair` may still find it, `spillway verify --accept-loss` goes on without it"
    : "run `spillway verify`, then `spillway repair`";
  return new SpillwayError(
    "JOURNAL_DAMAGED",
    `the journal in ${directory} is damaged and open for reading only (${named}): ${next}`,
    { details: { directory, reasons, missing } },
  );
}

/** The error where not even reading is possible; `what` says why. */
export function unreadableJournal(directory: string, what: string, cause?: unknown): SpillwayError {
  return new SpillwayError(
    "JOURNAL_DAMAGED",
    `the journal in ${directory} cannot be opened: ${what}; nothing was changed: run ` +
      "`spillway verify`, then `spillway repair`, or restore a backup",
    { cause, details: { directory } },
  );
}
