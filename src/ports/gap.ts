// A gap: messages that were stored and are gone. Readers receive it in the place of the messages,
// so that nothing is ever skipped in silence.
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Priority } from "../message/envelope.ts";
import type { StoredBatch } from "./delivery-batch.ts";

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
export function isGap(element: StoredBatch | Gap): element is Gap {
  return "kind" in element;
}

/** First offset behind a gap. */
export function gapEnd({ firstOffset, count }: Gap): number {
  return firstOffset + count;
}

/** What a reader is told who did not say what to do about gaps. */
export function gapError(gap: Gap): SpillwayError {
  const { channel, priority, firstOffset, count, reason } = gap;
  const last = gapEnd(gap) - 1;
  const offsets = count === 1 ? `offset ${firstOffset}` : `offsets ${firstOffset} to ${last}`;
  const what = count === 1 ? "the message is" : `${count} messages are`;
  return new SpillwayError(
    "MESSAGES_GONE",
    `channel '${channel}' (${priority}), ${offsets}: ${what} gone (${reason}): read on from ` +
      `offset ${last + 1}, or pass onGap`,
    { details: { channel, priority, firstOffset, count, reason } },
  );
}

/** The batches of a log; throws MESSAGES_GONE at a gap. */
export async function* withoutGaps(
  elements: AsyncIterable<StoredBatch | Gap>,
): AsyncGenerator<StoredBatch> {
  for await (const element of elements) {
    if (isGap(element)) throw gapError(element);
    yield element;
  }
}
