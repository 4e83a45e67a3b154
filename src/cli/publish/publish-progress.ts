// How publishing shows its progress: a bar on a terminal, a plain line every few seconds where
// standard error is a pipe or a file, nothing but bad records with --json. It owns the bar.
import type { CommandIo } from "../command.ts";
import { printable } from "../terminal/ansi.ts";
import { LiveView } from "../terminal/live-view.ts";
import { formatCount } from "../terminal/number-format.ts";
import { type Progress, renderProgress } from "../terminal/progress-bar.ts";
import type { InputSource } from "./input-source.ts";
import type { BadRecord, PublishCounts } from "./publish-input.ts";

/** Time between two plain lines. */
const plainLineMs = 5_000;
/** Columns of a plain line. */
const plainColumns = 100;
/** Most bad records that are printed one by one. */
const badPrintedMax = 100;

/** Draws on standard error, so that standard output holds the result alone. */
export class PublishProgress {
  readonly #io: CommandIo;
  readonly #source: InputSource;
  readonly #quiet: boolean;
  readonly #startMs: number;
  readonly #view: LiveView | undefined;
  #counts: PublishCounts = { stored: 0, repeated: 0, skipped: 0, bytes: 0 };
  #nextLineMs: number;
  #bad = 0;

  constructor(io: CommandIo, source: InputSource, quiet: boolean) {
    this.#io = io;
    this.#source = source;
    this.#quiet = quiet;
    this.#startMs = io.clock.monotonicMs();
    this.#nextLineMs = this.#startMs + plainLineMs;
    if (quiet || !io.stderr.isTerminal) return;
    this.#view = new LiveView(io.stderr, io.clock, (columns) => [
      renderProgress(this.#progress(), columns, io.stderr.style),
    ]);
  }

  /** Takes new counts; draws when it is time. */
  update(counts: PublishCounts): void {
    this.#counts = counts;
    if (this.#view !== undefined) return this.#view.refresh();
    const nowMs = this.#io.clock.monotonicMs();
    if (this.#quiet || nowMs < this.#nextLineMs) return;
    this.#nextLineMs = nowMs + plainLineMs;
    const { style } = this.#io.stderr;
    this.#io.stderr.write(`${renderProgress(this.#progress(), plainColumns, style)}\n`);
  }

  /** Prints a skipped record, up to a bound; the report counts all of them. */
  reportBad({ line, reason, value }: BadRecord): void {
    this.#bad++;
    if (this.#quiet || this.#bad > badPrintedMax) return;
    const shown = value === "" ? "" : `: ${value}`;
    const more = this.#bad === badPrintedMax ? " (further ones are only counted)" : "";
    const text = printable(`skipped line ${formatCount(line)}: ${reason}${shown}${more}`);
    if (this.#view === undefined) this.#io.stderr.write(`${text}\n`);
    else this.#view.print([this.#io.stderr.style.yellow(text)]);
  }

  /** Removes the bar. Idempotent. */
  close(): void {
    this.#view?.close({ erase: true });
  }

  #progress(): Progress {
    const { bytes: total } = this.#source;
    return {
      share: total === undefined || total === 0 ? undefined : this.#counts.bytes / total,
      count: this.#counts.stored,
      elapsedMs: this.#io.clock.monotonicMs() - this.#startMs,
    };
  }
}
