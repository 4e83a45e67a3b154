// Reading a log without a group, message by message: from where, up to where, and what to do where
// messages are gone. Decodes nothing, settles nothing and moves no cursor. Always true: a gap is
// reported or thrown, never passed in silence.
import { type Envelope, envelopeAt, type Priority } from "../message/envelope.ts";
import { type Gap, gapError, isGap } from "../ports/gap.ts";
import type { StartPosition, StoredBatch, Transport } from "../ports/transport.ts";

/** Where a reader stops: before this offset, or before what was stored at this time. */
export type EndPosition = { readonly offset: number } | { readonly timeMs: number };

/** A stored message as it is stored, with where it stands. */
export interface StoredEnvelope {
  /** Attributes and encoded data, as plain data. */
  readonly envelope: Envelope;
  readonly channel: string;
  /** Position in the channel's log of this priority. */
  readonly offset: number;
  /** When it was stored, wall milliseconds; never goes back within one log. */
  readonly storedAtMs: number;
}

/** Options of reading stored envelopes. */
export interface ReadEnvelopesOptions {
  /** Default "earliest". An offset counts in the log of `priority`. */
  readonly from?: StartPosition;
  /** Default: the end of the log at the time of the call. */
  readonly to?: EndPosition;
  /** Waits for more at the end, until `to` is reached or `signal` fires. */
  readonly follow?: boolean;
  /** The log to read; each priority has its own. Default "normal". */
  readonly priority?: Priority;
  /** Ends the reading. */
  readonly signal?: AbortSignal;
  /**
   * Called where messages are gone; reading goes on behind them. Without this function reading
   * ends there, with MESSAGES_GONE.
   */
  readonly onGap?: (gap: Gap) => void;
}

/** One message of a batch. */
export interface Place {
  readonly stored: StoredBatch;
  readonly record: number;
}

/** Every stored message between the two ends, in order. */
export async function* readPlaces(
  transport: Transport,
  channel: string,
  options: ReadEnvelopesOptions,
): AsyncGenerator<Place> {
  const { from = "earliest", to, signal, priority, follow } = options;
  const batches = transport.read(channel, {
    from,
    ...(priority !== undefined && { priority }),
    ...(follow !== undefined && { follow }),
    ...(signal !== undefined && { signal }),
  });
  if (isAborted(signal)) return;
  for await (const stored of batches) {
    if (isGap(stored)) {
      if (to !== undefined && "offset" in to && stored.firstOffset >= to.offset) return;
      if (options.onGap === undefined) throw gapError(stored);
      options.onGap(stored);
      continue;
    }
    for (let record = 0; record < stored.count; record++) {
      if (isBehind(stored, record, to)) return;
      yield { stored, record };
      if (isAborted(signal)) return;
    }
    if (endsWith(stored, to)) return;
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function isBehind(stored: StoredBatch, record: number, to: EndPosition | undefined): boolean {
  if (to === undefined) return false;
  if ("offset" in to) return stored.offsetAt(record) >= to.offset;
  return stored.appendedAtMs >= to.timeMs;
}

/** Whether the next message would be behind the end, so that a follower need not wait for it. */
function endsWith(stored: StoredBatch, to: EndPosition | undefined): boolean {
  if (to === undefined || !("offset" in to) || stored.count === 0) return false;
  return stored.offsetAt(stored.count - 1) + 1 >= to.offset;
}

/** The message as plain data, with where it stands. */
export function storedEnvelope(stored: StoredBatch, record: number): StoredEnvelope {
  return {
    envelope: envelopeAt(stored, record),
    channel: stored.channel,
    offset: stored.offsetAt(record),
    storedAtMs: stored.appendedAtMs,
  };
}
