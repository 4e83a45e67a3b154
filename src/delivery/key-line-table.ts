// The lines of one subscription, by log and key. Knows nothing of what moves through them. Always
// true: a key has at most one line in a log.
import { priorities } from "../message/envelope.ts";
import { KeyLine } from "./key-lines.ts";

/** See the head of this file. */
export class KeyLineTable {
  /** How many lines there are. */
  size = 0;
  /** By lane. */
  readonly #lines: readonly Map<string, KeyLine>[] = priorities.map(() => new Map());

  /** The line of a key, if messages of it are open. */
  of(place: { readonly lane: number; readonly key: string | undefined }): KeyLine | undefined {
    return place.key === undefined ? undefined : this.#lines[place.lane]?.get(place.key);
  }

  /** The same; it is made where there is none. */
  for(lane: number, key: string): KeyLine {
    const known = this.#lines[lane]?.get(key);
    if (known !== undefined) return known;
    const line = new KeyLine(lane, key);
    this.#lines[lane]?.set(key, line);
    this.size++;
    return line;
  }

  /** Takes a line out. */
  delete(line: KeyLine): void {
    if (this.#lines[line.lane]?.delete(line.key) === true) this.size--;
  }

  /** Takes all lines out. */
  clear(): void {
    for (const lines of this.#lines) lines.clear();
    this.size = 0;
  }

  /** All lines, log by log. */
  get all(): readonly KeyLine[] {
    return this.#lines.flatMap((each) => Array.from(each.values()));
  }
}
