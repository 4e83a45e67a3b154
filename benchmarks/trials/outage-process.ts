// One process whose handlers call a downstream that works, fails for a while, and works again; with
// a policy that pauses, all other settings as they are by default. Started by outage.ts.
import { setTimeout as pauseFor } from "node:timers/promises";
import { createBus, deadLetter, errorPolicy, otherwise, pause, retry, when } from "spillway";
import { embedded } from "spillway/embedded";
import { OrderPlaced, orders } from "../order-contract.ts";
import { makeOrderOf } from "../payloads.ts";
import {
  calls,
  noteMs,
  type OutageParameters,
  type OutageReport,
  workingSeconds,
} from "./outage-protocol.ts";

class DownstreamError extends Error {}

const { directory, seconds } = JSON.parse(process.argv[2] ?? "{}") as OutageParameters;
const bus = await createBus({
  name: "bench",
  transport: embedded({ directory }),
  channels: [orders],
});
const load = { keys: 10_000, markedShare: 0, handlerMicroseconds: 0 } as const;
const workingMs = (workingSeconds.before + workingSeconds.after) * 1_000;
/** More than can be handled while it works. */
const count = Math.ceil((workingMs / calls.durationMs) * calls.concurrency * 1.2);
const published = Array.from({ length: count }, (_, index) => makeOrderOf(load, index, 100));
await bus.publishMany(OrderPlaced, published);

let isAway = false;
let isOpen = false;
let running = 0;
let handled = 0;
let [failedFirst, probes, probesAtOnceMax, outOfOrder] = [0, 0, 0, 0];
const lastOffsets = new Map<string, number>();

const errors = errorPolicy(when(DownstreamError, pause()), otherwise(retry().then(deadLetter())));
const settings = { group: "outage", errors, concurrency: calls.concurrency };
const subscription = await bus.subscribe(orders, settings, async ({ data, offset }) => {
  running++;
  if (isAway && isOpen) {
    probes++;
    probesAtOnceMax = Math.max(probesAtOnceMax, running);
  }
  await pauseFor(calls.durationMs);
  running--;
  if (isAway) {
    if (!isOpen) failedFirst++;
    throw new DownstreamError("connection refused");
  }
  handled++;
  if ((lastOffsets.get(data.orderId) ?? -1) > offset) outOfOrder++;
  lastOffsets.set(data.orderId, offset);
});

const notes: { atMs: number; handled: number }[] = [];
async function note(durationMs: number): Promise<void> {
  for (const end = performance.now() + durationMs; performance.now() < end; ) {
    // Calls that were under way as it opened are none of its probes.
    if (isAway && running === 0 && subscription.circuits[0]?.state === "open") isOpen = true;
    notes.push({ atMs: performance.now(), handled });
    await pauseFor(noteMs);
  }
}

await note(workingSeconds.before * 1_000);
const failedAtMs = performance.now();
isAway = true;
await note(seconds * 1_000);
isAway = false;
const backAtMs = performance.now();
await note(workingSeconds.after * 1_000);
const { deadLettered: deadLetters } = await subscription.stats();
await bus.close();
const report: OutageReport = {
  notes,
  failedAtMs,
  backAtMs,
  failedFirst,
  probes,
  probesAtOnceMax,
  deadLetters,
  outOfOrder,
};
process.send?.(report);
process.disconnect?.();
