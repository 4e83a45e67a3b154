// The progress of verify and repair: a bar on a terminal, a plain line every few seconds where
// standard error is a pipe or a file, nothing with --json. Knows only shares and counts.
import type { CommandIo } from "../command.ts";
import { clipStyled } from "../terminal/ansi.ts";
import { LiveView } from "../terminal/live-view.ts";
import { formatBytes, formatCount, formatDuration } from "../terminal/number-format.ts";
import { remainingMs, renderBar } from "../terminal/progress-bar.ts";

/** How far the work has come. */
export interface InspectionState {
  /** What is being done, in a word or two. */
  readonly step: string;
  readonly share: number;
  readonly messages: number;
  readonly bytes: number;
  /** Findings of damage so far. */
  readonly damage: number;
}

const plainLineMs = 5_000;
const plainColumns = 100;
const barWidth = 24;
const stepWidth = 9;

/** One line, cut to `columns`. */
export function renderInspection(
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
    `${formatCount(messages)} messages`,
    formatBytes(bytes),
    damage === 0 ? style.green("no damage") : style.red(`${formatCount(damage)} damaged`),
  ];
  const left = remainingMs({ share, count: messages, elapsedMs });
  if (left !== undefined && share < 1) parts.push(style.dim(`${formatDuration(left)} left`));
  return clipStyled(parts.join("  "), columns);
}

/** Draws on standard error, so that standard output holds the report alone. */
export class InspectionProgress {
  readonly #io: CommandIo;
  readonly #quiet: boolean;
  readonly #startMs: number;
  readonly #view: LiveView | undefined;
  #state: InspectionState | undefined;
  #nextLineMs: number;

  constructor(io: CommandIo, quiet: boolean) {
    this.#io = io;
    this.#quiet = quiet;
    this.#startMs = io.clock.monotonicMs();
    this.#nextLineMs = this.#startMs + plainLineMs;
    if (quiet || !io.stderr.isTerminal) return;
    this.#view = new LiveView(io.stderr, io.clock, (columns) => this.#lines(columns));
  }

  /** Takes a new state; draws when it is time. */
  update(state: InspectionState): void {
    this.#state = state;
    if (this.#view !== undefined) return this.#view.refresh();
    const nowMs = this.#io.clock.monotonicMs();
    if (this.#quiet || nowMs < this.#nextLineMs) return;
    this.#nextLineMs = nowMs + plainLineMs;
    for (const line of this.#lines(plainColumns)) this.#io.stderr.write(`${line}\n`);
  }

  /** Removes the bar. Idempotent. */
  close(): void {
    this.#view?.close({ erase: true });
  }

  #lines(columns: number): string[] {
    if (this.#state === undefined) return [];
    const elapsedMs = this.#io.clock.monotonicMs() - this.#startMs;
    return [renderInspection(this.#state, elapsedMs, columns, this.#io.stderr.style)];
  }
}
