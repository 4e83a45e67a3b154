// A batch whose ids all count as given by their publishers: the same bytes but for the flags. Knows
// nothing of why. Always true: the blob it is made from stays as it is.
import { batchFlags, readLayout, recordFlags } from "./format-layout.ts";

/** Where the header keeps the batch's flags. */
const batchFlagsAt = 3;

/** A copy of the blob with the flag of a given id on every record. */
export function withGivenIds(blob: Uint8Array): Uint8Array<ArrayBuffer> {
  const { count, recordFlagsAt } = readLayout(blob);
  const copy = new Uint8Array(blob);
  copy[batchFlagsAt] = (copy[batchFlagsAt] as number) | batchFlags.givenIds;
  for (let at = recordFlagsAt; at < recordFlagsAt + count; at++) {
    copy[at] = (copy[at] as number) | recordFlags.givenId;
  }
  return copy;
}
