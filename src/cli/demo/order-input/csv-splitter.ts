// Cuts a stream of bytes into the records of a CSV file (RFC 4180: quoted fields, doubled quotes,
// line breaks inside quotes), separated by commas, semicolons or tabs, whichever the first line
// has most. Bytes that are not UTF-8 become U+FFFD. Always true: it holds at most one record, of
// at most `charactersMax` characters, and goes on at the next line after one that is longer.

/** One record, or why there is none at that line. */
export type CsvRecord =
  | { readonly line: number; readonly fields: readonly string[] }
  | { readonly line: number; readonly problem: string };

/** What may stand between fields; the first one where the first line has none. */
const delimiters = [",", ";", "\t"] as const;

/** Takes chunks of bytes and gives the records that they complete. */
export class CsvSplitter {
  readonly #charactersMax: number;
  readonly #decoder = new TextDecoder();
  #delimiter: string | undefined;
  /** The first line until it is whole: what separates its fields is not known before. */
  #head = "";
  #fields: string[] = [];
  #field = "";
  #size = 0;
  #isQuoted = false;
  /** The last character was a quote inside quotes: the end of them, or half of a doubled one. */
  #mayEnd = false;
  /** What is left of a record that is too long is skipped, to the end of its line. */
  #isSkipping = false;
  #line = 1;
  #startLine = 1;

  constructor(charactersMax: number) {
    this.#charactersMax = charactersMax;
  }

  /** The records that end within this chunk, in order. */
  push(chunk: Uint8Array): CsvRecord[] {
    return this.#take(this.#decoder.decode(chunk, { stream: true }), false);
  }

  /** The record that the end of the input completes, if there is one. */
  end(): CsvRecord[] {
    const records = this.#take(this.#decoder.decode(), true);
    if (this.#isQuoted && !this.#mayEnd) {
      return [...records, { line: this.#startLine, problem: "a quote is opened and never closed" }];
    }
    if (this.#size > 0) this.#endRecord(records);
    return records;
  }

  #take(text: string, isEnd: boolean): CsvRecord[] {
    const records: CsvRecord[] = [];
    if (this.#delimiter !== undefined) return this.#split(text, this.#delimiter, records);
    this.#head += text;
    const end = this.#head.indexOf("\n");
    if (end === -1 && !isEnd && this.#head.length <= this.#charactersMax) return records;
    this.#delimiter = delimiterOf(this.#head.slice(0, end === -1 ? undefined : end));
    const head = this.#head;
    this.#head = "";
    return this.#split(head, this.#delimiter, records);
  }

  #split(text: string, delimiter: string, records: CsvRecord[]): CsvRecord[] {
    for (const character of text) {
      const isInside = this.#isQuoted && this.#stepInQuotes(character);
      if (isInside) this.#size++;
      else if (character === "\n") this.#endLine(records);
      else if (!this.#isSkipping && character !== "\r") this.#step(character, delimiter);
      if (this.#size > this.#charactersMax) this.#skip(records);
    }
    return records;
  }

  #step(character: string, delimiter: string): void {
    this.#size++;
    if (character === delimiter) this.#endField();
    else if (character === '"' && this.#field === "") this.#isQuoted = true;
    else this.#field += character;
  }

  /** Whether the character belongs to the quoted field. */
  #stepInQuotes(character: string): boolean {
    const isQuote = character === '"';
    if (this.#mayEnd && !isQuote) {
      this.#mayEnd = false;
      this.#isQuoted = false;
      return false;
    }
    if (isQuote && !this.#mayEnd) {
      this.#mayEnd = true;
      return true;
    }
    this.#mayEnd = false;
    if (character === "\n") this.#line++;
    this.#field += character;
    return true;
  }

  #skip(records: CsvRecord[]): void {
    const problem = `longer than ${this.#charactersMax} characters`;
    records.push({ line: this.#startLine, problem });
    this.#reset();
    this.#isSkipping = true;
  }

  #endField(): void {
    this.#fields.push(this.#field);
    this.#field = "";
  }

  #endLine(records: CsvRecord[]): void {
    if (this.#size > 0) this.#endRecord(records);
    this.#isSkipping = false;
    this.#line++;
    this.#startLine = this.#line;
  }

  #endRecord(records: CsvRecord[]): void {
    this.#endField();
    records.push({ line: this.#startLine, fields: this.#fields });
    this.#reset();
  }

  #reset(): void {
    this.#fields = [];
    this.#field = "";
    this.#size = 0;
    this.#isQuoted = false;
    this.#mayEnd = false;
  }
}

function delimiterOf(line: string): string {
  const counts = delimiters.map((each) => line.split(each).length);
  return delimiters[counts.indexOf(Math.max(...counts))] ?? delimiters[0];
}
