// What a group has settled of one log. Shapes, and the list of what it has not.
import type { ListedMessage } from "../../ports/message-standing.ts";
import type { OpenEntry } from "../../ports/transport.ts";

/** Progress in one log. */
export interface Progress {
  /** Everything below is settled. */
  floor: number;
  /** Settled offsets at or above the floor. */
  readonly settled: Set<number>;
  readonly open: Map<number, OpenEntry>;
}

/** Up to where something is settled or open, and what of it is not settled; of some offsets. */
export function unsettledOf(
  { floor, settled, open }: Progress,
  isWanted: (offset: number) => boolean,
): { readonly position: number; readonly open: readonly ListedMessage[] } {
  let position = floor;
  for (const offset of [...settled, ...open.keys()]) position = Math.max(position, offset + 1);
  const listed: ListedMessage[] = [];
  const inFlight = { attempt: 0, dueAtMs: 0, reason: "in-flight" } as const;
  for (let offset = floor; offset < position; offset++) {
    if (settled.has(offset) || !isWanted(offset)) continue;
    listed.push({ offset, ...(open.get(offset) ?? inFlight) });
  }
  return { position, open: listed };
}
