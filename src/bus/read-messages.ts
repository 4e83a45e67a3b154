// Reading without a group: replay of a channel from an offset, a time or the beginning, decoded or
// raw. Settles nothing and moves no cursor. Always true: a message that cannot be understood is
// reported or thrown, never left out in silence.
import { ContractIndex } from "../contracts/contract-index.ts";
import type { AnyMessage } from "../contracts/contract.ts";
import { Decoder, InvalidMessage } from "../delivery/decode.ts";
import {
  type ReadEnvelopesOptions,
  readPlaces,
  type StoredEnvelope,
  storedEnvelope,
} from "../delivery/read-places.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import type { Codec } from "../message/codec.ts";
import type { Transport } from "../ports/transport.ts";
import type { Selection } from "./selection.ts";

export type { EndPosition, ReadEnvelopesOptions, StoredEnvelope } from "../delivery/read-places.ts";

/** A stored message that cannot be decoded, as read() reports it. */
export interface UnreadableMessage {
  readonly stored: StoredEnvelope;
  readonly error: SpillwayError;
}

/** Options of bus.read(). */
export interface ReadOptions extends ReadEnvelopesOptions {
  /**
   * Called for a message that cannot be decoded or does not fit its schema; reading goes on behind
   * it. Without this function read() throws the error.
   */
  readonly onUnreadable?: (unreadable: UnreadableMessage) => void;
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
  for await (const { stored, record } of readPlaces(transport, selection.entry.name, options)) {
    const decoded = decoder.decode(stored, record, stored.count);
    const message = decoded instanceof Promise ? await decoded : decoded;
    if (message === undefined) continue;
    if (!(message instanceof InvalidMessage)) yield message;
    else report(storedEnvelope(stored, record), message, options);
  }
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
