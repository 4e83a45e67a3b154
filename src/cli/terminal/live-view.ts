// A block of lines at the bottom of the terminal that is drawn again in place, at most ten times a
// second, in one write a frame so that nothing flickers. It knows nothing of what it shows. Always
// true: after close() the cursor is visible and stands below the last frame.
import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { clipStyled, cursor, type TerminalOutput } from "./ansi.ts";

/** Shortest time between two frames. */
export const frameMsMin = 100;

/** Draws frames in place; lines printed above stay. */
export class LiveView {
  readonly #output: TerminalOutput;
  readonly #clock: Clock;
  readonly #render: (columns: number) => readonly string[];
  #drawn = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #cancel: CancelTimer | undefined;
  #closed = false;

  constructor(
    output: TerminalOutput,
    clock: Clock,
    render: (columns: number) => readonly string[],
  ) {
    this.#output = output;
    this.#clock = clock;
    this.#render = render;
    output.write(cursor.hide);
  }

  /** Asks for a frame; several requests within a frame's time become one. */
  refresh(): void {
    if (this.#closed || this.#cancel !== undefined) return;
    const waitMs = this.#lastMs + frameMsMin - this.#clock.monotonicMs();
    if (waitMs <= 0) return this.#draw([]);
    this.#cancel = this.#clock.after(waitMs, () => {
      this.#cancel = undefined;
      this.#draw([]);
    });
  }

  /** Prints lines that stay, above the view. */
  print(lines: readonly string[]): void {
    if (this.#closed) return;
    this.#draw(lines);
  }

  /** Draws the last frame (or erases it) and gives the terminal back. Idempotent. */
  close(options: { readonly erase?: boolean } = {}): void {
    if (this.#closed) return;
    this.#cancel?.();
    this.#cancel = undefined;
    if (options.erase === true) {
      this.#output.write(`\r${cursor.up(this.#drawn)}${cursor.eraseBelow}`);
    } else this.#draw([]);
    this.#closed = true;
    this.#output.write(cursor.show);
  }

  #draw(above: readonly string[]): void {
    const columns = this.#output.columns ?? 80;
    // A frame taller than the screen could not be drawn over, so what does not fit is left out.
    const linesMax = Math.max(1, (this.#output.rows ?? 24) - 1);
    const frame = this.#render(columns).slice(0, linesMax);
    const lines = [...above, ...frame].map(
      (line) => `${clipStyled(line, columns - 1)}${cursor.eraseToLineEnd}\n`,
    );
    this.#output.write(`\r${cursor.up(this.#drawn)}${lines.join("")}${cursor.eraseBelow}`);
    this.#drawn = frame.length;
    this.#lastMs = this.#clock.monotonicMs();
  }
}
