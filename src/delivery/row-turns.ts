// Turns at contended state rows: once handler calls have collided at a row, they take it one after
// the other, so that a hot row costs waiting instead of repeated calls. Knows nothing of values.
// Always true: whoever has a turn waits for no other, so that turns cannot block each other; a row
// that nobody waits for costs nothing.

/** Who has, and who waits for, which row. */
export class RowTurns {
  /** A taken row, and those who wait for it. */
  readonly #waiting = new Map<string, (() => void)[]>();

  /** Whether somebody has this row. */
  isTaken(row: string): boolean {
    return this.#waiting.has(row);
  }

  /** Whether nobody has any row, so that none needs to be asked for. */
  get isQuiet(): boolean {
    return this.#waiting.size === 0;
  }

  /** Takes the row; a promise where others have it or wait for it. */
  enter(row: string): Promise<void> | undefined {
    const waiting = this.#waiting.get(row);
    if (waiting !== undefined) return new Promise((resolve) => waiting.push(resolve));
    this.#waiting.set(row, []);
    return undefined;
  }

  /** Passes the row on. */
  leave(row: string): void {
    const next = this.#waiting.get(row)?.shift();
    if (next === undefined) this.#waiting.delete(row);
    else next();
  }
}
