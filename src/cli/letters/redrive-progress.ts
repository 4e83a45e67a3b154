// The progress of a redrive: a bar, what became of the letters, and the report at the end. Pure but
// for the clock it is lent. Always true: a line is at most as wide as it was told.
import type { RedrivePreview } from "../../recovery/redrive/redrive-preview.ts";
import type { RedriveReport } from "../../recovery/redrive/redrive-job.ts";
import type { CommandOutput } from "../command.ts";
import { clipStyled, type Style } from "../terminal/ansi.ts";
import { counted, formatCount } from "../terminal/number-format.ts";
import { renderBar } from "../terminal/progress-bar.ts";
import { causeTable } from "./letter-text.ts";

const barWidth = 24;

/** One line: bar, counts, and what is under way. */
export function renderRedrive(report: RedriveReport, columns: number, style: Style): string {
  const { selected, resolved, failed, skipped, redriven } = report;
  const done = resolved + failed + skipped;
  const share = selected === 0 ? 1 : Math.min(1, done / selected);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const parts = [
    `${renderBar(share, barWidth, style)} ${percent}`,
    `${formatCount(resolved)} of ${formatCount(selected)} resolved`,
  ];
  if (failed > 0) parts.push(style.red(`${formatCount(failed)} failed again`));
  if (skipped > 0) parts.push(`${formatCount(skipped)} skipped`);
  const underWay = redriven - resolved - failed;
  if (underWay > 0) parts.push(style.dim(`${formatCount(underWay)} under way`));
  return clipStyled(parts.join("  "), columns);
}

const endings: Readonly<Record<RedriveReport["state"], string>> = {
  running: "is under way",
  paused: "is paused",
  stopped: "stopped",
  cancelled: "is cancelled",
  finished: "is finished",
};

/** What became of a redrive, for people. */
export function reportText(report: RedriveReport, channel: string): string {
  const { id, state, stopReason, selected, redriven, resolved, failed, skipped } = report;
  const why = stopReason === undefined ? "" : `: ${stopReason}`;
  const counts = [
    `${formatCount(resolved)} resolved`,
    `${formatCount(failed)} failed again`,
    `${formatCount(skipped)} skipped`,
  ].join(", ");
  const lines = [
    `redrive ${id} ${endings[state]}${why}`,
    `of ${counted(selected, "letter")} ${formatCount(redriven)} were redriven: ${counts}`,
  ];
  if (state === "paused" || state === "stopped") {
    lines.push(`go on: spillway redrive resume --channel ${channel}`);
  }
  return `${lines.join("\n")}\n`;
}

/** What a redrive would do, for people. */
export function previewText(
  preview: RedrivePreview,
  channel: string,
  nowMs: number,
  output: CommandOutput,
): string {
  const { letters, ofSameKey, expired, beyondHorizon, batches, groups } = preview;
  if (letters === 0)
    return `no pending letter of '${channel}' is meant: nothing would be redriven\n`;
  const facts = [
    `${counted(letters, "letter")} would be redriven, in ${counted(batches, "batch", "batches")}`,
    ...(ofSameKey > 0
      ? [`${formatCount(ofSameKey)} of them for their key's sake (--only-matching leaves them)`]
      : []),
    ...(expired > 0 ? [`${formatCount(expired)} have expired and would be skipped`] : []),
    ...(beyondHorizon > 0
      ? [`${formatCount(beyondHorizon)} are older than repeats are remembered: --allow-repeat`]
      : []),
  ];
  const causes = causeTable(
    groups.map((group) => ({ channel, ...group })),
    nowMs,
    output,
  );
  return `${facts.join("\n")}\n${causes}`;
}
