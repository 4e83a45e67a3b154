// The progress of verify and repair: a bar with what is being done. Knows only shares and counts.
import type { CommandIo } from "../command.ts";
import { clipStyled } from "../terminal/ansi.ts";
import { counted, formatBytes, formatCount, formatDuration } from "../terminal/number-format.ts";
import { remainingMs, renderBar } from "../terminal/progress-bar.ts";
import { ProgressOutput } from "../terminal/progress-output.ts";

/** How far the work has come. */
interface InspectionState {
  /** What is being done, in a word or two. */
  readonly step: string;
  readonly share: number;
  readonly messages: number;
  readonly bytes: number;
  /** Findings of damage so far. */
  readonly damage: number;
}

const barWidth = 24;
const stepWidth = 9;

/** One line, cut to `columns`. */
function renderInspection(
  state: InspectionState,
  elapsedMs: number,
  columns: number,
  style: CommandIo["stderr"]["style"],
): string {
  const { step, share, messages, bytes, damage } = state;
  const percent = `${Math.floor(Math.min(1, share) * 100)}%`.padStart(4);
  const parts = [
    `${renderBar(share, barWidth, style)} ${percent}`,
    step.padEnd(stepWidth),
    counted(messages, "message"),
    formatBytes(bytes),
    damage === 0 ? style.green("no damage") : style.red(`${formatCount(damage)} damaged`),
  ];
  const left = remainingMs({ share, count: messages, elapsedMs });
  if (left !== undefined && share < 1) parts.push(style.dim(`${formatDuration(left)} left`));
  return clipStyled(parts.join("  "), columns);
}

/** Shows how far an inspection has come, from now on; nothing where `quiet`. */
export function inspectionProgress(io: CommandIo, quiet: boolean): ProgressOutput<InspectionState> {
  const startMs = io.clock.monotonicMs();
  return new ProgressOutput(io, quiet, (state, columns, nowMs) => {
    return renderInspection(state, nowMs - startMs, columns, io.stderr.style);
  });
}
