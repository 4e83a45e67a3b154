// Runs a trial and prints what it found: figures, bounds, distributions.
import { writeFileSync } from "node:fs";
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
  const { isTTY } = process.stderr;
  const progress = (line: string): void => {
    if (isTTY) process.stderr.write(`\r\u001b[K${name}: ${line} `);
  };
  const report = await trial.run({ ...options, progress });
  if (isTTY) process.stderr.write("\r\u001b[K");
  if (plot !== undefined) writeFileSync(plot, plotSvg(trial.description, report.distributions));
  if (json) console.log(JSON.stringify({ trial: name, ...report.figures, bounds: report.bounds }));
  else print(name, report);
  return report.bounds.filter(isMissed).map((bound) => `${name}: ${bound.name}`);
}

function isMissed({ value, max }: Bound): boolean {
  return !(value <= max);
}

function print(name: string, { figures, bounds, distributions }: TrialReport): void {
  console.log(name);
  const width = Math.max(...Object.keys(figures).map((each) => each.length));
  for (const [figure, value] of Object.entries(figures)) {
    console.log(`  ${figure.padEnd(width)}  ${value.toLocaleString("en-US")}`);
  }
  for (const bound of bounds) {
    const verdict = isMissed(bound) ? "MISSED" : "ok";
    const value = Number(bound.value.toPrecision(4)).toLocaleString("en-US");
    console.log(`  ${verdict.padEnd(6)}  ${bound.name}: ${value} (at most ${bound.max})`);
  }
  for (const distribution of distributions) {
    if (distribution.histogram.count > 0) console.log(`\n${plotText(distribution).join("\n")}`);
  }
}
