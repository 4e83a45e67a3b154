// Where one message stands in the sequence of its key, as the parts of a delivery pass it around.
// Shapes only.
import type { StateRow } from "../state-row.ts";
import type { SequenceStanding } from "./key-position.ts";

/** A message of the window with its number. */
export interface Numbered {
  /** Where the position of its key is kept. */
  readonly row: StateRow;
  /** Its key; see sequenceName(). */
  readonly name: string;
  readonly standing: SequenceStanding;
  /** Whether it keeps the row in memory. */
  isPinned: boolean;
}

/** Whose turn a message waits for that came early. */
export interface EarlyPlace {
  /** Its key; see sequenceName(). */
  readonly name: string;
  readonly number: number;
  /** The number that it waited for when it was looked at last. */
  readonly expected: number;
}

/** What is to be done with a message, as far as its number says. */
export type SequenceVerdict =
  | { readonly kind: "run" }
  | { readonly kind: "hold"; readonly dueAtMs: number }
  | { readonly kind: "dead-letter" | "discard"; readonly reason: string };
