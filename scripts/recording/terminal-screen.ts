/**
 * A terminal's screen in memory: text and the few escape sequences that the command line uses go
 * in, rows of styled cells come out. Anything else that begins with an escape is skipped.
 */

/** One character with its style: the codes of "select graphic rendition" that are on. */
export interface Cell {
  readonly character: string;
  readonly codes: readonly number[];
}

const escape = "\u001B";
const sequence = new RegExp(`${escape}\\[([?0-9;]*)([A-Za-z])`, "y");
/** What switches a style off, and what it switches off. */
const offCodes: Readonly<Record<number, (code: number) => boolean>> = {
  0: () => true,
  22: (code) => code === 1 || code === 2,
  39: (code) => code >= 30 && code <= 37,
};

/** A screen of fixed size that scrolls at its end. */
export class TerminalScreen {
  readonly #columns: number;
  readonly #rowsMax: number;
  #rows: Cell[][] = [[]];
  #row = 0;
  #column = 0;
  #codes: readonly number[] = [];

  constructor(columns: number, rowsMax: number) {
    this.#columns = columns;
    this.#rowsMax = rowsMax;
  }

  /** Takes what a program wrote; sequences must be whole. */
  write(text: string): void {
    for (let at = 0; at < text.length; ) {
      sequence.lastIndex = at;
      const match = sequence.exec(text);
      if (match === null) {
        const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
        this.#put(character);
        at += character.length;
      } else {
        this.#control(match[1] ?? "", match[2] ?? "");
        at += match[0].length;
      }
    }
  }

  /** What is on the screen now, row by row. */
  rows(): readonly (readonly Cell[])[] {
    return this.#rows.map((row) => [...row]);
  }

  #put(character: string): void {
    if (character === "\r") this.#column = 0;
    else if (character === "\n") this.#newLine();
    else if (character >= " " && this.#column < this.#columns) {
      const row = this.#rows[this.#row] as Cell[];
      while (row.length < this.#column) row.push({ character: " ", codes: [] });
      row[this.#column++] = { character, codes: this.#codes };
    }
  }

  #newLine(): void {
    this.#row++;
    if (this.#row === this.#rows.length) this.#rows.push([]);
    if (this.#rows.length <= this.#rowsMax) return;
    this.#rows.shift();
    this.#row--;
  }

  #control(parameters: string, command: string): void {
    const count = Number(parameters === "" ? 1 : parameters);
    const row = this.#rows[this.#row] as Cell[];
    if (command === "A") this.#row = Math.max(0, this.#row - count);
    if (command === "K") row.length = Math.min(row.length, this.#column);
    if (command === "J") {
      row.length = Math.min(row.length, this.#column);
      this.#rows.length = this.#row + 1;
    }
    if (command === "m") for (const code of parameters.split(";")) this.#style(Number(code));
  }

  #style(code: number): void {
    const isOff = offCodes[code];
    if (isOff === undefined) this.#codes = [...this.#codes, code];
    else this.#codes = this.#codes.filter((each) => !isOff(each));
  }
}
