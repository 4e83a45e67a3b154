// What happened in a simulated run, as a number and, where somebody wants to read it, as lines.
// Always true: two runs with the same lines in the same order have the same hash.

/** Most lines that are kept; the oldest go first. */
export const traceLinesMax = 20_000;

const prime = 0x01000193;

/** See the head of this file. */
export class Trace {
  readonly #keeps: boolean;
  readonly #lines: string[] = [];
  #hash = 0x811c9dc5;
  #count = 0;

  constructor(keepsLines: boolean) {
    this.#keeps = keepsLines;
  }

  /** Takes a line down. */
  note(line: string): void {
    let hash = this.#hash;
    for (let index = 0; index < line.length; index++) {
      hash = Math.imul(hash ^ line.charCodeAt(index), prime);
    }
    this.#hash = Math.imul(hash ^ 10, prime);
    this.#count++;
    if (!this.#keeps) return;
    this.#lines.push(line);
    if (this.#lines.length > traceLinesMax) this.#lines.shift();
  }

  /** The hash of all lines so far, with their number. */
  get hash(): string {
    return `${this.#count}-${(this.#hash >>> 0).toString(16).padStart(8, "0")}`;
  }

  /** The lines that were kept. */
  get lines(): readonly string[] {
    return this.#lines;
  }
}
