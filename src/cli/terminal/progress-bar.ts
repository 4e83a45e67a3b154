// A bar with rate and remaining time. Pure: it turns numbers into one line; who draws it, and how
// often, is decided elsewhere. Always true: the line is at most as wide as it was told.
import type { Style } from "./ansi.ts";
import { clipStyled } from "./ansi.ts";
import { formatCount, formatDuration, formatRate } from "./number-format.ts";

/** How far something has come. */
export interface Progress {
  /** Share that is done, 0 to 1; undefined where the end is unknown. */
  readonly share: number | undefined;
  /** Messages done. */
  readonly count: number;
  readonly elapsedMs: number;
}

const barWidth = 24;
/** Below this share an estimate of the remaining time would only jump about. */
const shareMinForEstimate = 0.01;

/** A bar of `width` columns, filled to `share`. */
export function renderBar(share: number, width: number, style: Style): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return style.cyan("█".repeat(filled)) + style.dim("░".repeat(width - filled));
}

/** Remaining time from the share done so far, in ms; undefined while nobody can tell. */
export function remainingMs(progress: Progress): number | undefined {
  const { share, elapsedMs } = progress;
  if (share === undefined || share < shareMinForEstimate) return undefined;
  return Math.max(0, (elapsedMs / share) * (1 - share));
}

/** One line: bar, percent, count, rate and remaining time, cut to `width` columns. */
export function renderProgress(progress: Progress, width: number, style: Style): string {
  const seconds = progress.elapsedMs / 1_000;
  const rate = formatRate(seconds > 0 ? progress.count / seconds : 0);
  const parts = [`${formatCount(progress.count)} stored`, rate];
  if (progress.share !== undefined) {
    const percent = `${Math.floor(Math.min(1, progress.share) * 100)}%`.padStart(4);
    parts.unshift(`${renderBar(progress.share, barWidth, style)} ${percent}`);
  }
  const left = remainingMs(progress);
  if (left !== undefined) parts.push(style.dim(`${formatDuration(left)} left`));
  return clipStyled(parts.join("  "), width);
}
