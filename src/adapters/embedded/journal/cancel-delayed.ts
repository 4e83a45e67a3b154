// Cancelling a delayed message (docs/adr/0020): one transaction that removes its timer. Always
// true: firing removes the same row, so that exactly one of the two happens.
import type { EngineRequests } from "./engine.ts";
import type { Journal } from "./journal.ts";

/** Removes timers that are one message; those that became due meanwhile are gone already. */
export function cancelDelayed(
  { catalog, timers: all, writer }: Pick<Journal, "catalog" | "timers" | "writer">,
  { channel, message, timers }: EngineRequests["cancel"]["request"],
): EngineRequests["cancel"]["answer"] {
  if (timers.length === 0) return { cancelled: 0 };
  return writer.transaction("cancelling a delayed message", () => {
    const found = catalog.find(channel);
    return { cancelled: found === undefined ? 0 : all.cancel(found, message, timers) };
  });
}
