// What became of one message in one group. Owns nothing else.
import type { KeyLine } from "./key-line.ts";

/** What became of one message in this group. */
export interface Course {
  line: KeyLine | undefined;
  deliveries: number;
  /** Who finished it last, and how many marks there were then. */
  finishedBy: string | undefined;
  finishedMarks: number;
  /** Finished, or interrupted in a way that leaves open whether it was. */
  isMaybeFinished: boolean;
  /** Who settled it, and when. */
  settledBy: string | undefined;
  settledStep: number;
  attempt: number;
}

/** Of a message of which nothing is known in this group. */
export function newCourse(): Course {
  return {
    line: undefined,
    deliveries: 0,
    finishedBy: undefined,
    finishedMarks: 0,
    isMaybeFinished: false,
    settledBy: undefined,
    settledStep: 0,
    attempt: 0,
  };
}
