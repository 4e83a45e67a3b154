// Outage: a downstream that fails for half a minute. What becomes of the messages, how often it is
// called meanwhile, and how soon everything is as fast as before.
import { join } from "node:path";
import { inScratch } from "../leavings.ts";
import { measureFsync, median } from "../measure.ts";
import { calls, type OutageParameters, type OutageReport } from "./outage-protocol.ts";
import { runProcess } from "./publisher.ts";
import { diskFigures, phaseSeconds, rounded, type Trial, type TrialReport } from "./trial.ts";

const fullRateShare = 0.9;
const recoverySecondsMax = 5;
/** Over how long a rate is taken. */
const rateMs = 1_000;
/** The beginning is not counted: its circuit closes first. */
const warmUpMs = 2_000;

interface Rate {
  readonly atMs: number;
  readonly perSecond: number;
}

export const outageTrial: Trial = {
  description: "a downstream fails for --seconds (30); a policy with pause(), as it is by default",
  baseline: "the rate of the same process before the outage",
  async run({ seconds = phaseSeconds, progress }): Promise<TrialReport> {
    const fsync = measureFsync();
    return inScratch("outage", async (root) => {
      progress(`works, fails for ${seconds} s, works again`);
      const parameters: OutageParameters = { directory: join(root, "journal"), seconds };
      return report(await runProcess<OutageReport>("outage-process", parameters), fsync);
    });
  },
};

function report(
  found: OutageReport,
  fsync: { readonly p50Ms: number; readonly p99Ms: number },
): TrialReport {
  const { failedAtMs, backAtMs, failedFirst, probes, probesAtOnceMax } = found;
  const from = (found.notes[0]?.atMs ?? 0) + warmUpMs;
  const before = ratesOf(found).filter(({ atMs }) => atMs >= from && atMs + rateMs <= failedAtMs);
  const fullRate = median(before.map(({ perSecond }) => perSecond));
  const after = ratesOf(found).filter(({ atMs }) => atMs >= backAtMs);
  const full = after.find(({ perSecond }) => perSecond >= fullRate * fullRateShare);
  const recoverySeconds = full === undefined ? Number.NaN : (full.atMs - backAtMs) / 1_000;
  return {
    figures: {
      concurrency: calls.concurrency,
      perSecondBefore: Math.round(fullRate),
      perSecondAfter: Math.round(median(ratesFrom(after, full).map(({ perSecond }) => perSecond))),
      failedFirst,
      probes,
      probesAtOnceMax,
      deadLetters: found.deadLetters,
      outOfOrder: found.outOfOrder,
      recoverySeconds: rounded(recoverySeconds, 2),
      ...diskFigures(fsync),
    },
    bounds: [
      { name: "dead letters", value: found.deadLetters, max: 0 },
      { name: "probes at once", value: probesAtOnceMax, max: 1 },
      { name: "messages out of order", value: found.outOfOrder, max: 0 },
      { name: "seconds until full rate", value: recoverySeconds, max: recoverySecondsMax },
    ],
    distributions: [],
  };
}

/** Those from the first one on that was as before; of none where there is none. */
function ratesFrom(rates: readonly Rate[], first: Rate | undefined): readonly Rate[] {
  return first === undefined ? [] : rates.slice(rates.indexOf(first));
}

/** The rate over the second that begins with each note. */
function ratesOf({ notes }: OutageReport): Rate[] {
  const rates: Rate[] = [];
  let end = 0;
  for (const first of notes) {
    while (end < notes.length && (notes[end]?.atMs ?? 0) < first.atMs + rateMs) end++;
    const last = notes[end];
    if (last === undefined) break;
    const seconds = (last.atMs - first.atMs) / 1_000;
    rates.push({ atMs: first.atMs, perSecond: (last.handled - first.handled) / seconds });
  }
  return rates;
}
