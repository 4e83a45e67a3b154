// From stored messages to what a test looks at: typed by a contract, or as a line of the tree.
import { ContractIndex } from "../../contracts/contract-index.ts";
import type { AnyContract, MessageOf } from "../../contracts/contract.ts";
import { Decoder, InvalidMessage } from "../../delivery/decode.ts";
import type { Place } from "../../delivery/read-places.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { Codec } from "../../message/codec.ts";
import { isTextContent } from "../../message/envelope.ts";
import { isMessageOf } from "../fakes/message-of.ts";
import type { TreeMessage } from "./cause-tree.ts";

/** The messages of a contract, validated and upcast like a handler's; others are left out. */
export function decodeSeen<Contract extends AnyContract>(
  contract: Contract,
  places: readonly Place[],
  codec: Codec,
): readonly MessageOf<Contract>[] {
  const decoder = new Decoder(new ContractIndex([contract], false), codec);
  return places.flatMap(({ stored, record }): MessageOf<Contract>[] => {
    if (decoder.skips(stored, record)) return [];
    const decoded = decoder.decode(stored, record, 1);
    if (decoded instanceof Promise) {
      decoded.catch(() => undefined);
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `scenario: the schema of '${contract.type}' validates asynchronously: look at consumed()`,
      );
    }
    if (decoded === undefined || decoded instanceof InvalidMessage) return [];
    // Upcast where it was older, and validated: of this contract, whatever was stored.
    return isMessageOf(decoded, contract) ? [decoded] : [];
  });
}

/** A stored message as the tree shows it. */
export function treeMessageOf(
  { stored, record }: Place,
  notesOf: (message: { readonly id: string }) => readonly string[],
): TreeMessage {
  const { type, version, contentType } = stored.templateAt(record);
  const id = stored.idAt(record);
  const size = stored.payloadSizeAt(record);
  return {
    id,
    type,
    version,
    channel: stored.channel,
    offset: stored.offsetAt(record),
    causationId: stored.attributesAt(record).causationId,
    data: isTextContent(contentType) ? stored.payloadTextAt(record) : `${size} bytes`,
    notes: notesOf({ id }),
  };
}
