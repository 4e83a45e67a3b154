// What a message waits for that came before others of its key's sequence: the number that its key
// is at, as it is stored. Always true: it says the same in every process, but for a key of which
// nothing was settled yet: with which number that begins is known only where it is subscribed.
import {
  positionIn,
  positionsTable,
  sequenceName,
} from "../../delivery/sequences/slot-positions.ts";
import { sequenceNumber } from "../../message/sequence.ts";
import type { ListedMessage } from "../../ports/message-standing.ts";
import type { Reason } from "./explanation.ts";
import type { FoundMessage, SearchPlace } from "./find-message.ts";

/**
 * Why an open message waits that came early; undefined: it did not. `first`: the number with which
 * every key begins, where that is known.
 */
export async function sequenceWaitOf(
  { transport, channel, group }: SearchPlace,
  { stored, record }: FoundMessage,
  { reason, dueAtMs }: ListedMessage,
  first: number | undefined,
): Promise<Extract<Reason, { readonly kind: "sequence" }> | undefined> {
  const { sequence, tenant } = stored.attributesAt(record);
  const key = stored.keyAt(record);
  const number = sequence === undefined ? undefined : sequenceNumber(sequence);
  // What is parked behind a failed message has no time of its own.
  if (reason !== "parked" || dueAtMs === 0 || number === undefined || key === undefined) {
    return undefined;
  }
  const slot = String(stored.slotAt(record));
  const row = await transport.state?.read({ channel, group }, positionsTable, slot);
  const { position, forgot } = positionIn(row?.value, sequenceName(tenant, key));
  const begin = forgot ? undefined : first;
  const expected = position === undefined ? begin : position.last + 1;
  return { kind: "sequence", key, number, expected, dueAtMs };
}
