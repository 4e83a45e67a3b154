// Runs a trial and prints what it found: figures, bounds, distributions.
import { writeFileSync } from "node:fs";
import { progressOf } from "../progress.ts";
import { plotSvg, plotText } from "./plot.ts";
import type { Bound, Trial, TrialOptions, TrialReport } from "./trial.ts";

/** How a trial is printed. */
export interface TrialOutput {
  readonly json: boolean;
  /** Where the distributions are drawn to; undefined: nowhere. */
  readonly plot: string | undefined;
}

/** Runs and prints a trial; the names of the bounds that it missed. */
export async function runTrial(
  name: string,
  trial: Trial,
  options: Omit<TrialOptions, "progress">,
  { json, plot }: TrialOutput,
): Promise<readonly string[]> {
  const progress = progressOf(name);
  const report = await trial.run({ ...options, progress: progress.say });
  progress.end();
  if (plot !== undefined) writeFileSync(plot, plotSvg(trial.description, report.distributions));
  if (json) console.log(JSON.stringify({ trial: name, ...report.figures, bounds: report.bounds }));
  else print(name, trial, report);
  return report.bounds.filter(isMissed).map((bound) => `${name}: ${textOf(bound)}`);
}

function isMissed(bound: Bound): boolean {
  return !("max" in bound ? bound.value <= bound.max : bound.value >= bound.min);
}

function textOf(bound: Bound): string {
  const value = Number(bound.value.toPrecision(4)).toLocaleString("en-US");
  const limit = "max" in bound ? `at most ${bound.max}` : `at least ${bound.min}`;
  return `${bound.name}: ${value} (${limit})`;
}

function print(
  name: string,
  { baseline }: Trial,
  { figures, bounds, distributions }: TrialReport,
): void {
  console.log(`${name}, beside ${baseline}`);
  const width = Math.max(...Object.keys(figures).map((each) => each.length));
  for (const [figure, value] of Object.entries(figures)) {
    console.log(`  ${figure.padEnd(width)}  ${value.toLocaleString("en-US")}`);
  }
  for (const bound of bounds) {
    const verdict = isMissed(bound) ? "MISSED" : "ok";
    console.log(`  ${verdict.padEnd(6)}  ${textOf(bound)}`);
  }
  for (const distribution of distributions) {
    if (distribution.histogram.count > 0) console.log(`\n${plotText(distribution).join("\n")}`);
  }
}
