// What trials share that compare sides with and without something, by throughput: sizes, rounds in
// turn, and the figures of each side.
import { median, runRounds, runSide, type RunSize, type Sample, type Side } from "../measure.ts";
import { rounded, type TrialOptions } from "./trial.ts";

const messageBytes = 100;
const window = 2_000;

/** Runs every side once a round; what each gave, by name. */
export function runSides<Name extends string>(
  sides: Readonly<Record<Name, Side>>,
  messages: number,
  { rounds, progress }: Pick<TrialOptions, "rounds" | "progress">,
): Promise<Readonly<Record<Name, readonly Sample[]>>> {
  const size: RunSize = {
    bytes: messageBytes,
    messages,
    groups: 1,
    processes: 1,
    window,
    consumes: true,
  };
  const entries = Object.entries(sides) as [Name, Side][];
  const runs = entries.map(([name, side]) => [name, () => runSide(side, size)] as const);
  return runRounds(
    Object.fromEntries(runs) as Record<Name, () => Promise<Sample>>,
    rounds,
    progress,
  );
}

/** Median throughput and processor time of a side, named. */
export function sideFigures(name: string, samples: readonly Sample[]): Record<string, number> {
  const cpu = samples.map(({ cpuMicrosecondsPerMessage }) => cpuMicrosecondsPerMessage);
  return {
    [`${name}PerSecond`]: Math.round(median(samples.map((each) => each.messagesPerSecond))),
    [`${name}CpuMicroseconds`]: rounded(median(cpu), 1),
  };
}

/** Of all rounds the sum of what a side found. */
export function found(samples: readonly Sample[], name: string): number {
  return samples.reduce((sum, { figures }) => sum + (figures[name] ?? Number.NaN), 0);
}
