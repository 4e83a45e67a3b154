// Reads the arrivals of a channel out of its log. Changes nothing. Always true: messages come in
// the order of their storing, all priorities merged; no more than `arrivalsMax` are read.
import { priorities } from "../../message/envelope.ts";
import { isGap } from "../../ports/gap.ts";
import type { StartPosition, Transport } from "../../ports/transport.ts";
import { readLanes } from "../tail/lane-reader.ts";
import { type Arrival, arrivalsMax } from "./arrival.ts";

/** The arrivals from a position on, and whether there were more of them. */
export async function traceOf(
  transport: Transport,
  reading: { readonly channel: string; readonly from: StartPosition; readonly signal: AbortSignal },
): Promise<{ readonly arrivals: readonly Arrival[]; readonly isCut: boolean }> {
  const arrivals: Arrival[] = [];
  const done = new AbortController();
  const isOffset = typeof reading.from === "object" && "offset" in reading.from;
  const lanes = isOffset ? (["normal"] as const) : priorities;
  const signal = AbortSignal.any([reading.signal, done.signal]);
  await readLanes(transport, { ...reading, lanes, follow: false, signal }, async (batch) => {
    if (isGap(batch)) return;
    for (let record = 0; record < batch.count; record++) {
      if (arrivals.length === arrivalsMax) return done.abort();
      arrivals.push({
        atMs: batch.appendedAtMs,
        key: batch.keyAt(record),
        tenant: batch.attributesAt(record).tenant,
        priority: batch.priority,
        bytes: Math.round(batch.bytes / batch.count),
      });
    }
  });
  reading.signal.throwIfAborted();
  const sorted = arrivals.toSorted((left, right) => left.atMs - right.atMs);
  const firstMs = sorted[0]?.atMs ?? 0;
  const shifted = sorted.map((arrival) => ({ ...arrival, atMs: arrival.atMs - firstMs }));
  return { arrivals: shifted, isCut: done.signal.aborted };
}
