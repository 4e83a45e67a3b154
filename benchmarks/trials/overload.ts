// Ten times overload: one process with a heap of 256 MiB, whose handlers are slow and whose channel
// sheds. Goodput, the latency of what is important, memory, and how soon it is over.
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { measureFsync, scratch } from "../measure.ts";
import type { OverloadParameters, OverloadReport } from "./overload-protocol.ts";
import { percentile, percentilesOf, type Trial, type TrialReport } from "./trial.ts";

const heapMebibytes = 256;
const goodputMin = 0.85;
const latencyRatioMax = 2;
const recoveryMsMax = 2_000;

export const overloadTrial: Trial = {
  description: "ten times overload with a heap of 256 MiB: unloaded, peak, overload, recovery",
  async run({ seconds, progress }): Promise<TrialReport> {
    const root = mkdtempSync(join(scratch(), "spillway-overload-"));
    try {
      const fsync = measureFsync();
      progress(`three phases of ${seconds} s`);
      return report(await play({ directory: join(root, "journal"), seconds }), fsync);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  },
};

function play(parameters: OverloadParameters): Promise<OverloadReport> {
  const script = fileURLToPath(new URL("overload-process.ts", import.meta.url));
  const execArgv = [...process.execArgv, `--max-old-space-size=${heapMebibytes}`];
  const child = fork(script, [JSON.stringify(parameters)], { execArgv });
  return new Promise((resolve, reject) => {
    child.once("message", (found) => resolve(found as OverloadReport));
    child.once("exit", (code) => reject(new Error(`the overload process ended with ${code}`)));
  });
}

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
      deepest: overload.deepest,
      ...percentilesOf("highUnloaded", unloaded.high),
      ...percentilesOf("highOverload", overload.high),
      highP99Ratio: Number(latency.toFixed(2)),
      recoveryMs: Math.round(recoveryMs),
      residentMebibytesMax: Math.round(residentBytesMax / 1_048_576),
      fsyncP50Ms: Number(fsync.p50Ms.toFixed(3)),
      fsyncP99Ms: Number(fsync.p99Ms.toFixed(3)),
    },
    bounds: [
      { name: "peak over goodput", value: 1 / goodput, max: Number((1 / goodputMin).toFixed(3)) },
      { name: "p99 of high priority over unloaded", value: latency, max: latencyRatioMax },
      { name: "recovery in ms", value: recoveryMs, max: recoveryMsMax },
    ],
    distributions: [
      { name: "high priority, unloaded", histogram: unloaded.high },
      { name: "high priority, overload", histogram: overload.high },
    ],
  };
}
