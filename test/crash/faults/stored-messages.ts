// The messages that a sound journal holds, in the form in which the fault suite compares them.
import { crc32 } from "node:zlib";
import { viewOf } from "../../../src/adapters/embedded/journal/format.ts";
import type { StoredBatch } from "../../../src/ports/transport.ts";
import { rowsOf } from "./snapshot.ts";

/** A message, as far as another one could be taken for it. */
export interface StoredMessage {
  /** Id, key and checksum of the payload. */
  readonly text: string;
  readonly slot: number;
  /** Whether a repeat of its id has to be found. */
  readonly isGiven: boolean;
}

type Columns = Pick<
  StoredBatch,
  "idAt" | "keyAt" | "payloadBytesAt" | "slotAt" | "idGivenAt" | "attributesAt"
>;

/** One record of a batch. */
export function messageAt(batch: Columns, index: number): StoredMessage {
  const { id = batch.idAt(index) } = batch.attributesAt(index);
  return {
    text: `${id} ${batch.keyAt(index)} ${crc32(batch.payloadBytesAt(index))}`,
    slot: batch.slotAt(index),
    isGiven: batch.idGivenAt(index),
  };
}

/** All messages, by log and offset. */
export function storedMessages(directory: string): Map<number, Map<number, StoredMessage>> {
  const logs = new Map<number, Map<number, StoredMessage>>();
  for (const { log, base, data } of rowsOf(directory, "SELECT log, base, data FROM batch")) {
    const known = logs.get(Number(log)) ?? new Map<number, StoredMessage>();
    logs.set(Number(log), known);
    const view = viewOf(data as Uint8Array);
    for (let index = 0; index < view.count; index++) {
      // This view does not know where it stands: its offsets are counted from 0.
      known.set(Number(base) + view.offsetAt(index), messageAt(view, index));
    }
  }
  return logs;
}
