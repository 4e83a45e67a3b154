// What of an append is stored where not all of it finds room (docs/adr/0019). Decides nothing of
// repeats. Always true: what is refused stands behind what is kept.
import type { ErrorCode } from "../../../errors/error-codes.ts";
import type { EncodedAppend, EngineAppendResult } from "./engine.ts";

/** A record that is not stored: [index, offset of the first storing (−1: delayed) or a refusal]. */
export type AppendException = readonly [number, number | ErrorCode];

/** What to store of a batch: `keep` is undefined where everything is new. */
export interface DedupeVerdict {
  readonly keep: readonly number[] | undefined;
  readonly exceptions: readonly AppendException[];
}

/** Nothing is a repeat: the first `room` of so many messages are kept, the others refused. */
export function withinRoom(count: number, room: number): DedupeVerdict {
  if (room >= count) return { keep: undefined, exceptions: [] };
  const keep = Array.from({ length: room }, (_, index) => index);
  const exceptions = Array.from({ length: count - room }, (_, index): AppendException => {
    return [room + index, "BACK_PRESSURE"];
  });
  return { keep, exceptions };
}

/** How many messages of an append were stored, and their share of its bytes. */
export function sizeStored(
  { count, blob }: EncodedAppend,
  { exceptions }: EngineAppendResult,
): [messages: number, bytes: number] {
  const stored = count - exceptions.length;
  return [stored, Math.ceil((blob.length * stored) / count)];
}
