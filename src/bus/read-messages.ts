// Reading without a group: replay of a channel from an offset, a time or the beginning, decoded or
// raw. Settles nothing and moves no cursor. Always true: a message that cannot be understood is
// reported or thrown, never left out in silence.
import { ContractIndex } from "../contracts/contract-index.ts";
import type { AnyMessage } from "../contracts/contract.ts";
import { Decoder, InvalidMessage } from "../delivery/decode.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Codec } from "../message/codec.ts";
import { type Envelope, envelopeAt, type Priority } from "../message/envelope.ts";
import { type Gap, gapError, isGap } from "../ports/gap.ts";
import type { StartPosition, StoredBatch, Transport } from "../ports/transport.ts";
import type { Selection } from "./selection.ts";

/** Where a reader stops: before this offset, or before what was stored at this time. */
export type EndPosition = { readonly offset: number } | { readonly timeMs: number };

/** A stored message that cannot be decoded, as read() reports it. */
export interface UnreadableMessage {
  readonly stored: StoredEnvelope;
  readonly error: SpillwayError;
}

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

/** Options of bus.read(). */
export interface ReadOptions extends ReadEnvelopesOptions {
  /**
   * Called for a message that cannot be decoded or does not fit its schema; reading goes on behind
   * it. Without this function read() throws the error.
   */
  readonly onUnreadable?: (unreadable: UnreadableMessage) => void;
}

interface Place {
  readonly stored: StoredBatch;
  readonly record: number;
}

/** The messages of a selection, decoded and validated, in order. */
export async function* readMessages(
  transport: Transport,
  codec: Codec,
  selection: Selection,
  options: ReadOptions,
): AsyncGenerator<AnyMessage> {
  await selection.entry.declare();
  const decoder = new Decoder(new ContractIndex(selection.contracts, selection.whole), codec);
  for await (const { stored, record } of places(transport, selection.entry.name, options)) {
    const decoded = decoder.decode(stored, record, stored.count);
    const message = decoded instanceof Promise ? await decoded : decoded;
    if (message === undefined) continue;
    if (!(message instanceof InvalidMessage)) yield message;
    else report(storedEnvelope(stored, record), message, options);
  }
}

/** Envelopes of a channel as they are stored; of these contract types, or of all. */
export async function* readEnvelopes(
  transport: Transport,
  channel: string,
  types: readonly string[] | undefined,
  options: ReadEnvelopesOptions,
): AsyncGenerator<StoredEnvelope> {
  for await (const { stored, record } of places(transport, channel, options)) {
    if (types === undefined || types.includes(stored.templateAt(record).type)) {
      yield storedEnvelope(stored, record);
    }
  }
}

async function* places(
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

function storedEnvelope(stored: StoredBatch, record: number): StoredEnvelope {
  return {
    envelope: envelopeAt(stored, record),
    channel: stored.channel,
    offset: stored.offsetAt(record),
    storedAtMs: stored.appendedAtMs,
  };
}

function report(stored: StoredEnvelope, invalid: InvalidMessage, options: ReadOptions): void {
  const { channel, offset, envelope } = stored;
  const error = new SpillwayError(
    invalid.code,
    `message ${envelope.id} at offset ${offset} of '${channel}' cannot be read: ${invalid.reason}`,
    { details: { channel, offset, id: envelope.id }, cause: invalid.error },
  );
  if (options.onUnreadable === undefined) throw error;
  options.onUnreadable({ stored, error });
}
