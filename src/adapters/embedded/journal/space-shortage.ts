// What is said when the disk of a journal is short of space: to whoever waits or is refused, and to
// people. Plain data and wording only.
import { SpillwayError } from "../../../errors/spillway-error.ts";

/** Why publishers wait for space. */
export interface SpaceShortage {
  /** One line for people, with what to do. */
  readonly reason: string;
  readonly directory: string;
  /** As last measured. */
  readonly freeBytes: number;
  /** The floor below which nothing is published. */
  readonly freeBytesMin: number;
  /** Publishes go on when so much is free. */
  readonly freeBytesToGoOn: number;
  /** Whether the disk is full, so that the journal lives on its reserve. */
  readonly isFull: boolean;
}

const remedy = "free some space on it or shorten the channels' retention";

/** Puts measurements into words. */
export function describeShortage(shortage: Omit<SpaceShortage, "reason">): SpaceShortage {
  const { directory, freeBytes, freeBytesMin, freeBytesToGoOn, isFull } = shortage;
  const state = isFull
    ? `the disk of ${directory} is full (${freeBytes} bytes free, freeBytesMin is ` +
      `${freeBytesMin}): nothing is published, settlements, leases and retention go on with the ` +
      "journal's reserve"
    : `the disk of ${directory} has ${freeBytes} bytes free, less than freeBytesMin ` +
      `${freeBytesMin}: publishers wait, handlers and settlements go on`;
  const next = `everything goes on by itself with ${freeBytesToGoOn} bytes free`;
  return { ...shortage, reason: `${state}; ${remedy}: ${next}` };
}

/** The definite refusal of something that needs space. */
export function spaceError(what: string, shortage: SpaceShortage): SpillwayError {
  const { reason, directory, freeBytes, freeBytesMin } = shortage;
  return new SpillwayError("JOURNAL_FULL", `${what}: ${reason}`, {
    details: { directory, freeBytes, freeBytesMin },
  });
}
