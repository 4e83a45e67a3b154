// Shared rate: three processes of one directory, with more to do than their common rate allows.
// Whether they ever start more than it allows, and how much of it they use while all of them run.
import { join } from "node:path";
import { inScratch } from "../leavings.ts";
import { measureFsync } from "../measure.ts";
import type { FillParameters } from "./fill-process.ts";
import { runProcess } from "./publisher.ts";
import {
  processes,
  rate,
  type SharedRateParameters,
  type SharedRateReport,
} from "./shared-rate-protocol.ts";
import { diskFigures, rounded, type Trial, type TrialReport } from "./trial.ts";

const usedShareMin = 0.8;
const secondsDefault = 10;
/** More than the rate allows within the time and the start, in each process alone. */
const messagesOf = (seconds: number): number => (seconds + 20) * rate.perSecond * processes;

export const sharedRateTrial: Trial = {
  description: `${processes} processes, one rate: ${rate.perSecond} a second, burst ${rate.burst}`,
  baseline: "a bucket of that rate, which is asked for a token at each start of a handler",
  async run({ seconds = secondsDefault, progress }): Promise<TrialReport> {
    const fsync = measureFsync();
    return inScratch("shared-rate", async (root) => {
      const directory = join(root, "journal");
      const fill: FillParameters = { directory, bytes: 100, messages: messagesOf(seconds) };
      await runProcess("fill-process", fill);
      progress(`${processes} processes, ${seconds} s`);
      const parameters: SharedRateParameters = { directory, seconds };
      const running = Array.from({ length: processes }, () =>
        runProcess<SharedRateReport>("shared-rate-process", parameters),
      );
      return report(await Promise.all(running), fsync);
    });
  },
};

function report(
  found: readonly SharedRateReport[],
  fsync: { readonly p50Ms: number; readonly p99Ms: number },
): TrialReport {
  const startsMs = found.flatMap((each) => each.startsMs).sort((left, right) => left - right);
  const fromMs = Math.max(...found.map((each) => each.fromMs));
  const untilMs = Math.min(...found.map((each) => each.untilMs));
  const { excess, allowed } = judge(startsMs, fromMs, untilMs);
  const within = startsMs.filter((atMs) => atMs >= fromMs && atMs < untilMs).length;
  const usedShare = within / allowed;
  return {
    figures: {
      processes,
      perSecondAllowed: rate.perSecond,
      burst: rate.burst,
      starts: startsMs.length,
      startsOfFewest: Math.min(...found.map((each) => each.startsMs.length)),
      excess,
      togetherSeconds: rounded((untilMs - fromMs) / 1_000, 2),
      startsTogether: within,
      usedShare: rounded(usedShare, 3),
      ...diskFigures(fsync),
    },
    bounds: [
      { name: "starts beyond what the rate allows", value: excess, max: 0 },
      { name: "used share of the rate", value: usedShare, min: usedShareMin },
    ],
    distributions: [],
  };
}

/**
 * Starts that found no token in a bucket of the rate, and how many it allows between two times:
 * what it holds at the first, and what it gets until the second.
 */
function judge(
  startsMs: readonly number[],
  fromMs: number,
  untilMs: number,
): { readonly excess: number; readonly allowed: number } {
  let [tokens, lastMs] = [rate.burst as number, startsMs[0] ?? fromMs];
  let [excess, held] = [0, tokens];
  const pass = (atMs: number): void => {
    tokens = Math.min(rate.burst, tokens + ((atMs - lastMs) * rate.perSecond) / 1_000);
    lastMs = atMs;
  };
  for (const [index, atMs] of startsMs.entries()) {
    if (atMs >= fromMs && (startsMs[index - 1] ?? Number.NEGATIVE_INFINITY) < fromMs) {
      pass(Math.max(fromMs, lastMs));
      held = tokens;
    }
    pass(atMs);
    if (tokens < 1 - 1e-6) excess++;
    else tokens--;
  }
  return { excess, allowed: held + ((untilMs - fromMs) * rate.perSecond) / 1_000 };
}
