// The progress of backup and restore: a bar on a terminal, a plain line every few seconds where
// standard error is a pipe or a file, nothing with --json.
import type { BackupProgress } from "../../adapters/embedded/index.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { CommandCall, CommandIo } from "../command.ts";
import { clipStyled, type Style } from "../terminal/ansi.ts";
import { LiveView } from "../terminal/live-view.ts";
import { formatBytes, formatCount, formatDuration } from "../terminal/number-format.ts";
import { remainingMs, renderBar } from "../terminal/progress-bar.ts";

const plainLineMs = 5_000;
const plainColumns = 100;
const barWidth = 24;
const phaseWidth = 7;

/** One line, cut to `columns`; `elapsedMs` counts from the beginning of the phase. */
export function renderCopy(
  progress: BackupProgress,
  elapsedMs: number,
  columns: number,
  style: Style,
): string {
  const { phase, bytesDone, bytesTotal, rows } = progress;
  const share = bytesTotal > 0 ? Math.min(1, bytesDone / bytesTotal) : 1;
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const parts = [`${renderBar(share, barWidth, style)} ${percent}`, phase.padEnd(phaseWidth)];
  if (phase === "tables") parts.push(`${formatCount(rows)} rows`);
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
  const progress = new CopyProgress(io, json);
  try {
    return await work((state) => progress.update(state));
  } catch (error) {
    const asked = io.signal.aborted && error instanceof SpillwayError && error.code === "ABORTED";
    if (!asked || json) throw error;
    progress.close();
    io.stderr.write(`${stopped}\n`);
    return undefined;
  } finally {
    progress.close();
  }
}

/** Draws on standard error, so that standard output holds the report alone. */
class CopyProgress {
  readonly #io: CommandIo;
  readonly #quiet: boolean;
  readonly #view: LiveView | undefined;
  #progress: BackupProgress | undefined;
  #phaseFromMs = 0;
  #nextLineMs: number;

  constructor(io: CommandIo, quiet: boolean) {
    this.#io = io;
    this.#quiet = quiet;
    this.#nextLineMs = io.clock.monotonicMs() + plainLineMs;
    if (quiet || !io.stderr.isTerminal) return;
    this.#view = new LiveView(io.stderr, io.clock, (columns) => this.#lines(columns));
  }

  /** Takes what the task reports; draws when it is time. */
  update(progress: BackupProgress): void {
    const nowMs = this.#io.clock.monotonicMs();
    if (progress.phase !== this.#progress?.phase) this.#phaseFromMs = nowMs;
    this.#progress = progress;
    if (this.#view !== undefined) return this.#view.refresh();
    if (this.#quiet || nowMs < this.#nextLineMs) return;
    this.#nextLineMs = nowMs + plainLineMs;
    for (const line of this.#lines(plainColumns)) this.#io.stderr.write(`${line}\n`);
  }

  /** Removes the bar. Idempotent. */
  close(): void {
    this.#view?.close({ erase: true });
  }

  #lines(columns: number): string[] {
    if (this.#progress === undefined) return [];
    const elapsedMs = this.#io.clock.monotonicMs() - this.#phaseFromMs;
    return [renderCopy(this.#progress, elapsedMs, columns, this.#io.stderr.style)];
  }
}
