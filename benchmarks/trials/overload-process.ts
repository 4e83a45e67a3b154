// One process with a channel that sheds: some load, as much as its handlers can do, ten times as
// much, and what comes after. Run with a small heap.
import { setTimeout as pause } from "node:timers/promises";
import { BackPressureError, createBus, defineChannel, defineEvent } from "spillway";
import { embedded } from "spillway/embedded";
import { z } from "zod";
import {
  capacityPerSecond,
  handlers,
  highPerSecond,
  overloadFactor,
  type OverloadParameters,
  type OverloadReport,
  type PhaseReport,
} from "./overload-protocol.ts";
import { emptyHistogram, record } from "./trial.ts";

const { directory, seconds: overloadSeconds } = JSON.parse(
  process.argv[2] ?? "{}",
) as OverloadParameters;
const Work = defineEvent("bench.work", {
  data: z.object({ sentAtMs: z.number(), isHigh: z.boolean(), note: z.string() }),
});
const work = defineChannel("work", {
  messages: [Work],
  limits: { depthMax: capacityPerSecond },
  overflow: "shed",
});
const bus = await createBus({ name: "load", transport: embedded({ directory }), channels: [work] });
const turnMs = 2;
/** Turns between two looks at the depth, which costs a transaction. */
const looksEvery = 100;
const note = "x".repeat(200);

let handled = 0;
let high = emptyHistogram();
let residentBytesMax = 0;

await bus.subscribe(work, { concurrency: handlers.concurrency }, async ({ data }) => {
  await pause(handlers.durationMs);
  handled++;
  if (data.isHigh) record(high, performance.now() - data.sentAtMs);
});

async function depth(): Promise<number> {
  const { channels } = await bus.stats();
  return channels.find(({ channel }) => channel === "work")?.waiting?.depth ?? 0;
}

/** Offers so many low-priority messages a second for a while, and some of high priority. */
async function phase(offeredPerSecond: number, seconds: number): Promise<PhaseReport> {
  const before = handled;
  high = emptyHistogram();
  let [stored, refused, highRefused, deepest] = [0, 0, 0, 0];
  const publish = (isHigh: boolean, sentAtMs: number): void => {
    const data = { sentAtMs, isHigh, note };
    const priority = isHigh ? "high" : "low";
    bus.publish(Work, data, { priority }).then(
      () => stored++,
      (error: unknown) => {
        if (!(error instanceof BackPressureError)) throw error;
        refused++;
        if (isHigh) highRefused++;
      },
    );
  };
  const startedAt = performance.now();
  let [offered, urgent, looks] = [0, 0, 0];
  for (let passed = 0; passed < seconds; passed = (performance.now() - startedAt) / 1_000) {
    for (; offered < passed * offeredPerSecond; offered++) publish(false, 0);
    for (; urgent < passed * highPerSecond; urgent++) {
      // From when it was due: while this process stands still, that counts.
      publish(true, startedAt + (urgent * 1_000) / highPerSecond);
    }
    if (++looks % looksEvery === 0) deepest = Math.max(deepest, await depth());
    residentBytesMax = Math.max(residentBytesMax, process.memoryUsage.rss());
    await pause(turnMs);
  }
  const handledPerSecond = (handled - before) / ((performance.now() - startedAt) / 1_000);
  // Those that still wait are recorded, too, until the next phase begins.
  return { handledPerSecond, stored, refused, highRefused, high, deepest };
}

async function drained(): Promise<number> {
  const startedAt = performance.now();
  while ((await depth()) > 0) await pause(turnMs);
  return performance.now() - startedAt;
}

const unloaded = await phase(0, overloadSeconds / 2);
await drained();
// A little more than they can do: what they do is their peak.
const peak = await phase(capacityPerSecond * 1.2, overloadSeconds / 2);
await drained();
const overload = await phase(capacityPerSecond * overloadFactor, overloadSeconds);
const recoveryMs = await drained();
await bus.close();
const report: OverloadReport = { unloaded, peak, overload, recoveryMs, residentBytesMax };
process.send?.(report);
process.disconnect?.();
