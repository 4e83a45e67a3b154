// The progress of backup and restore: a bar with the phase, and what is left of it.
import type { BackupProgress } from "../../adapters/embedded/index.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { CommandCall } from "../command.ts";
import { clipStyled, type Style } from "../terminal/ansi.ts";
import { counted, formatBytes, formatDuration } from "../terminal/number-format.ts";
import { remainingMs, renderBar } from "../terminal/progress-bar.ts";
import { ProgressOutput } from "../terminal/progress-output.ts";

const barWidth = 24;
const phaseWidth = 7;

/** One line, cut to `columns`; `elapsedMs` counts from the beginning of the phase. */
function renderCopy(
  progress: BackupProgress,
  elapsedMs: number,
  columns: number,
  style: Style,
): string {
  const { phase, bytesDone, bytesTotal, rows } = progress;
  const share = bytesTotal > 0 ? Math.min(1, bytesDone / bytesTotal) : 1;
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const parts = [`${renderBar(share, barWidth, style)} ${percent}`, phase.padEnd(phaseWidth)];
  if (phase === "tables") parts.push(counted(rows, "row"));
  else {
    parts.push(`${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`);
    if (elapsedMs > 0) parts.push(`${formatBytes((bytesDone / elapsedMs) * 1_000)}/s`);
    const left = remainingMs({ share, count: bytesDone, elapsedMs });
    if (left !== undefined) parts.push(style.dim(`${formatDuration(left)} left`));
  }
  return clipStyled(parts.join("  "), columns);
}

/** Shows the progress of `work`; undefined where Ctrl-C ended it, which is said on the terminal. */
export async function withCopyProgress<Report>(
  { io, json }: CommandCall,
  stopped: string,
  work: (onProgress: (progress: BackupProgress) => void) => Promise<Report>,
): Promise<Report | undefined> {
  let phase: BackupProgress["phase"] | undefined;
  let phaseFromMs = 0;
  const output = new ProgressOutput<BackupProgress>(io, json, (progress, columns, nowMs) => {
    return renderCopy(progress, nowMs - phaseFromMs, columns, io.stderr.style);
  });
  const update = (progress: BackupProgress): void => {
    if (progress.phase !== phase) phaseFromMs = io.clock.monotonicMs();
    phase = progress.phase;
    output.update(progress);
  };
  try {
    return await work(update);
  } catch (error) {
    const asked = io.signal.aborted && error instanceof SpillwayError && error.code === "ABORTED";
    if (!asked || json) throw error;
    output.close();
    io.stderr.write(`${stopped}\n`);
    return undefined;
  } finally {
    output.close();
  }
}
