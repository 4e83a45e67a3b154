// Where the progress of long work goes: one line that is drawn anew on a terminal, a plain line
// every few seconds where standard error is a pipe or a file, nothing with --json. Knows nothing of
// the work. Always true: standard output holds the report alone.
import type { CommandIo } from "../command.ts";
import { LiveView } from "./live-view.ts";

const plainLineMs = 5_000;
const plainColumns = 100;

/** The line of a state, cut to `columns`. */
export type RenderLine<State> = (state: State, columns: number, nowMs: number) => string;

/** See the head of this file. */
export class ProgressOutput<State> {
  readonly #io: CommandIo;
  readonly #quiet: boolean;
  readonly #render: RenderLine<State>;
  readonly #view: LiveView | undefined;
  #state: State | undefined;
  #nextLineMs: number;

  constructor(io: CommandIo, quiet: boolean, render: RenderLine<State>) {
    this.#io = io;
    this.#quiet = quiet;
    this.#render = render;
    this.#nextLineMs = io.clock.monotonicMs() + plainLineMs;
    if (quiet || !io.stderr.isTerminal) return;
    this.#view = new LiveView(io.stderr, io.clock, (columns) => this.#lines(columns));
  }

  /** Takes a new state; draws when it is time. */
  update(state: State): void {
    this.#state = state;
    if (this.#view !== undefined) return this.#view.refresh();
    const nowMs = this.#io.clock.monotonicMs();
    if (this.#quiet || nowMs < this.#nextLineMs) return;
    this.#nextLineMs = nowMs + plainLineMs;
    for (const line of this.#lines(plainColumns)) this.#io.stderr.write(`${line}\n`);
  }

  /** Removes the line. Idempotent. */
  close(): void {
    this.#view?.close({ erase: true });
  }

  #lines(columns: number): string[] {
    if (this.#state === undefined) return [];
    return [this.#render(this.#state, columns, this.#io.clock.monotonicMs())];
  }
}
