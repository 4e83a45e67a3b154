// Ten times overload: one process with a heap of 256 MiB, whose handlers are slow and whose channel
// sheds. Goodput, the latency of what is important, memory, and how soon it is over.
import { join } from "node:path";
import { inScratch } from "../leavings.ts";
import { measureFsync } from "../measure.ts";
import { runProcess } from "./publisher.ts";
import type { OverloadParameters, OverloadReport } from "./overload-protocol.ts";
import { diskFigures, percentile, percentilesOf, type Trial, type TrialReport } from "./trial.ts";

const heapMebibytes = 256;
const overloadSeconds = 60;
const goodputMin = 0.85;
const latencyRatioMax = 2;
const recoveryMsMax = 2_000;

export const overloadTrial: Trial = {
  description: "ten times overload with a heap of 256 MiB: unloaded, peak, overload, recovery",
  baseline:
    "the same process with high-priority messages only, and with as much as its handlers can do",
  async run({ seconds = overloadSeconds, progress }): Promise<TrialReport> {
    return inScratch("overload", async (root) => {
      const fsync = measureFsync();
      progress(`unloaded and peak, ${seconds / 2} s each; overload, ${seconds} s; recovery`);
      const parameters: OverloadParameters = { directory: join(root, "journal"), seconds };
      const heap = [`--max-old-space-size=${heapMebibytes}`];
      return report(await runProcess<OverloadReport>("overload-process", parameters, heap), fsync);
    });
  },
};

function report(
  { unloaded, peak, overload, recoveryMs, residentBytesMax }: OverloadReport,
  fsync: { readonly p50Ms: number; readonly p99Ms: number },
): TrialReport {
  const goodput = overload.handledPerSecond / peak.handledPerSecond;
  const latency = percentile(overload.high, 0.99) / percentile(unloaded.high, 0.99);
  return {
    figures: {
      peakPerSecond: Math.round(peak.handledPerSecond),
      overloadPerSecond: Math.round(overload.handledPerSecond),
      goodput: Number(goodput.toFixed(3)),
      refused: overload.refused,
      highRefused: overload.highRefused,
      deepest: overload.deepest,
      ...percentilesOf("highUnloaded", unloaded.high),
      ...percentilesOf("highOverload", overload.high),
      highP99Ratio: Number(latency.toFixed(2)),
      recoveryMs: Math.round(recoveryMs),
      residentMebibytesMax: Math.round(residentBytesMax / 1_048_576),
      ...diskFigures(fsync),
    },
    bounds: [
      { name: "messages of high priority refused", value: overload.highRefused, max: 0 },
      { name: "goodput over peak", value: goodput, min: goodputMin },
      { name: "p99 of high priority over unloaded", value: latency, max: latencyRatioMax },
      { name: "recovery in ms", value: recoveryMs, max: recoveryMsMax },
    ],
    distributions: [
      { name: "high priority, unloaded", histogram: unloaded.high },
      { name: "high priority, overload", histogram: overload.high },
    ],
  };
}
