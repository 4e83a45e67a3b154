// Commit latency: what publishers at a steady 200,000 messages a second notice of everything that
// the journal does beside them: checkpoints, retention and giving space back, verify, backup. The
// bound is on the commit. A publish also waits for the commit before its own, and for a processor
// that verify and backup use as well: that depends on how many there are, and is printed beside.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { backupJournal, verifyJournal } from "spillway/embedded";
import { inScratch } from "../leavings.ts";
import { measureFsync } from "../measure.ts";
import type { FillParameters } from "./fill-process.ts";
import type { PhaseFigures } from "./publisher-protocol.ts";
import { Publisher, runProcess } from "./publisher.ts";
import {
  diskFigures,
  percentile,
  percentilesOf,
  phaseSeconds,
  type Trial,
  type TrialReport,
} from "./trial.ts";

const messagesPerSecond = 200_000;
const messageBytes = 100;
const latencyP99MsMax = 10;
/** Stored before, most of it obsolete as soon as the publisher declares its channel. */
const fill = { messages: 800_000, bytes: 2_000 } as const;
const retentionBytes = 400_000_000;
const warmUpMs = 3_000;

export const commitLatencyTrial: Trial = {
  description:
    "publishing 200,000 messages a second, alone and beside all of the journal's own work",
  baseline: "the same publisher, alone on its journal",
  async run({ seconds = phaseSeconds, progress }): Promise<TrialReport> {
    return inScratch("latency", async (root) => {
      const directory = join(root, "journal");
      const fsync = measureFsync();
      progress("alone");
      const parameters = { bytes: messageBytes, messagesPerSecond, retentionBytes };
      const quiet = await Publisher.start({ ...parameters, directory: join(root, "quiet") });
      await pause(warmUpMs);
      await quiet.phase();
      await pause(seconds * 1_000);
      const alone = await quiet.stop();
      rmSync(join(root, "quiet"), { recursive: true, force: true });
      progress("filling");
      const fillParameters: FillParameters = { directory, ...fill };
      await runProcess("fill-process", fillParameters);
      const busy = await Publisher.start({ ...parameters, directory });
      await pause(warmUpMs);
      await busy.phase();
      const work = disturb(directory, join(root, "backups"), seconds, progress);
      const counts = await work;
      const beside = await busy.stop();
      return report(alone, beside, counts, fsync);
    });
  },
};

interface Counts {
  readonly verified: number;
  readonly backups: number;
}

/** Verifies and backs up, one after the other at the same time, for so many seconds. */
async function disturb(
  directory: string,
  backups: string,
  seconds: number,
  progress: (line: string) => void,
): Promise<Counts> {
  const endsAt = performance.now() + seconds * 1_000;
  const signal = AbortSignal.timeout(seconds * 1_000);
  const counts = { verified: 0, backups: 0 };
  const again = async (work: () => Promise<void>): Promise<void> => {
    while (performance.now() < endsAt) {
      await work().catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      progress(`verified ${counts.verified}, backed up ${counts.backups} times`);
    }
  };
  await Promise.all([
    again(async () => {
      await verifyJournal(directory, { signal });
      if (!signal.aborted) counts.verified++;
    }),
    again(async () => {
      const to = join(backups, String(counts.backups));
      await backupJournal(directory, { to, signal });
      counts.backups++;
      rmSync(to, { recursive: true, force: true });
    }),
  ]);
  return counts;
}

function report(
  alone: PhaseFigures,
  beside: PhaseFigures,
  counts: Counts,
  fsync: { readonly p50Ms: number; readonly p99Ms: number },
): TrialReport {
  const figures = {
    ...percentilesOf("alone", alone.publish),
    ...percentilesOf("beside", beside.publish),
    ...percentilesOf("commitAlone", alone.commit),
    ...percentilesOf("commitBeside", beside.commit),
    ...percentilesOf("step", beside.step),
    messagesPerSecond: Math.round(beside.messages / beside.seconds),
    steps: beside.step.count,
    walMiBMax: Number((beside.walBytesMax / 1_048_576).toFixed(1)),
    degradedShare: Number((beside.degraded / Math.max(1, beside.looks)).toFixed(4)),
    verified: counts.verified,
    backups: counts.backups,
    ...diskFigures(fsync),
  };
  return {
    figures,
    bounds: [
      { name: "p99 of a commit, ms", value: percentile(beside.commit, 0.99), max: latencyP99MsMax },
    ],
    distributions: [
      { name: "a commit, alone", histogram: alone.commit },
      { name: "a commit beside checkpoints, give-back, verify, backup", histogram: beside.commit },
      { name: "a publish, alone", histogram: alone.publish },
      { name: "a publish beside all of that", histogram: beside.publish },
    ],
  };
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
