// A gap: messages that were stored and are gone. Readers receive it in the place of the messages,
// so that nothing is ever skipped in silence.
import type { Priority } from "../message/envelope.ts";

/**
 * Why messages are gone. "lost": the end of the log was missing, and that was accepted.
 * "missing", "unreadable": repair did not find them, or found them damaged.
 */
export type GapReason = "lost" | "missing" | "unreadable";

/** A range of offsets of one log without messages. */
export interface Gap {
  readonly kind: "gap";
  readonly channel: string;
  readonly priority: Priority;
  readonly firstOffset: number;
  /** How many messages are gone; offset `firstOffset + count` is the first behind them. */
  readonly count: number;
  readonly reason: GapReason;
  /** When the loss was accepted, or found by repair; wall milliseconds. */
  readonly notedAtMs: number;
}

/** Tells a gap from a batch. */
export function isGap<Other extends object>(element: Other | Gap): element is Gap {
  return "kind" in element && element.kind === "gap";
}
