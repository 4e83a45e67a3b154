// Cuts a stream of bytes into JSON records: one per line, or the elements of a JSON array, also
// when the array runs over many lines. It parses nothing beyond what it needs to find the cuts.
// Always true: it holds at most `bytesMax` bytes of a record, however long the input makes it.

/** One record of the input, or why there is none at that place. */
export type InputRecord =
  | { readonly line: number; readonly text: string }
  | { readonly line: number; readonly problem: string; readonly value: string };

const newline = 0x0a;
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
/** Bytes of a record that is too long which its report shows. */
const excerptBytes = 80;

const isBlank = (byte: number): boolean =>
  byte === 0x20 || byte === 0x09 || byte === newline || byte === 0x0d;

/** Where in the input the splitter stands. */
type Mode = "between" | "line" | "array";

/** Takes chunks of bytes and gives the records that they complete. */
export class RecordSplitter {
  readonly #bytesMax: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #pieces: Uint8Array[] = [];
  #size = 0;
  #tooLong = false;
  #mode: Mode = "between";
  #line = 1;
  #startLine = 1;
  #depth = 0;
  #inText = false;
  #escaped = false;
  #afterComma = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The records that end within this chunk, in order. */
  push(chunk: Uint8Array): InputRecord[] {
    const records: InputRecord[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#mode === "line") at = this.#readLine(chunk, at, records);
      else if (this.#mode === "array") at = this.#readElement(chunk, at, records);
      else at = this.#readBetween(chunk, at);
    }
    return records;
  }

  /** The record that the end of the input completes, or says what is missing. */
  end(): InputRecord[] {
    if (this.#mode === "line") return [this.#take()];
    if (this.#mode === "between") return [];
    this.#tooLong = false;
    const value = this.#excerpt();
    return [{ line: this.#line, problem: "the input ends inside an array", value }];
  }

  #readBetween(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (byte === newline) this.#line++;
      // A byte order mark can stand before the first record.
      if (isBlank(byte) || byte === 0xef || byte === 0xbb || byte === 0xbf) continue;
      this.#startLine = this.#line;
      if (byte !== openBracket) {
        this.#mode = "line";
        return at;
      }
      this.#mode = "array";
      this.#depth = 0;
      this.#afterComma = false;
      return at + 1;
    }
    return chunk.length;
  }

  #readLine(chunk: Uint8Array, from: number, records: InputRecord[]): number {
    const end = chunk.indexOf(newline, from);
    this.#keep(chunk.subarray(from, end === -1 ? chunk.length : end));
    if (end === -1) return chunk.length;
    records.push(this.#take());
    this.#line++;
    this.#mode = "between";
    return end + 1;
  }

  #readElement(chunk: Uint8Array, from: number, records: InputRecord[]): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (byte === newline) this.#line++;
      if (this.#inText) this.#stepInText(byte);
      else if (byte === quote) this.#inText = true;
      else if (byte === openBrace || byte === openBracket) this.#depth++;
      else if (this.#depth > 0) this.#depth -= byte === closeBrace || byte === closeBracket ? 1 : 0;
      else if (byte === comma || byte === closeBracket) {
        this.#keep(chunk.subarray(from, at));
        this.#endElement(byte === closeBracket, records);
        return at + 1;
      }
      // The element's line is where its first visible byte stands.
      if (this.#size === 0 && at === from && isBlank(byte)) {
        from++;
        this.#startLine = this.#line;
      }
    }
    this.#keep(chunk.subarray(from));
    return chunk.length;
  }

  #stepInText(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === backslash) this.#escaped = true;
    else if (byte === quote) this.#inText = false;
  }

  #endElement(last: boolean, records: InputRecord[]): void {
    // "[]" has no elements; "[1,]" has an empty one too many, which fails as JSON.
    const empty = this.#size === 0 && !this.#tooLong;
    if (!empty || !last || this.#afterComma) records.push(this.#take());
    this.#afterComma = !last;
    this.#startLine = this.#line;
    if (last) this.#mode = "between";
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#tooLong) return;
    if (this.#size + bytes.length <= this.#bytesMax) {
      // A copy, because the stream may use its buffer again.
      this.#pieces.push(Uint8Array.from(bytes));
      this.#size += bytes.length;
      return;
    }
    this.#tooLong = true;
    const excerpt = [...this.#pieces, bytes.subarray(0, excerptBytes)];
    const start = Buffer.concat(excerpt.map((piece) => piece.subarray(0, excerptBytes)));
    this.#pieces.splice(0, this.#pieces.length, start.subarray(0, excerptBytes));
  }

  #take(): InputRecord {
    const line = this.#startLine;
    const value = this.#tooLong ? this.#excerpt() : "";
    const problem = `longer than ${this.#bytesMax} bytes`;
    const record = this.#tooLong ? { line, problem, value } : this.#decode(line);
    this.#pieces.length = 0;
    this.#size = 0;
    this.#tooLong = false;
    return record;
  }

  #decode(line: number): InputRecord {
    const bytes = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    try {
      return { line, text: this.#decoder.decode(bytes).trim() };
    } catch {
      return { line, problem: "not UTF-8", value: this.#excerpt() };
    }
  }

  #excerpt(): string {
    const start = Buffer.concat(this.#pieces.map((piece) => piece.subarray(0, excerptBytes)));
    return start.subarray(0, excerptBytes).toString("utf8").trim();
  }
}
