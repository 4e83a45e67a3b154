// The lines of one subscription, by log and key. Knows nothing of what moves through them. Always
// true: a key has at most one line in a log; the slots of all lines are known by number.
import { keySlot } from "../kernel/key-slot.ts";
import { priorities } from "../message/envelope.ts";
import { KeyLine, type OpenMessage } from "./key-lines.ts";

/** See the head of this file. */
export class KeyLineTable {
  /** How many lines there are. */
  size = 0;
  /** By lane. */
  readonly #lines: readonly Map<string, KeyLine>[] = priorities.map(() => new Map());
  /** How many lines have a key of this slot. */
  readonly #slots = new Map<number, number>();

  /** Whether no key of this slot has a line: to ask costs less than to look for a key. */
  isFree(slot: number): boolean {
    return this.size === 0 || !this.#slots.has(slot);
  }

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
    this.#count(key, 1);
    return line;
  }

  /** Puts a committed message to its place anew; true: its time has to be waited for. */
  replace(message: OpenMessage, isInWindow: boolean, isDue: boolean): boolean {
    message.line = undefined;
    message.isReleased = isInWindow && isDue;
    message.isInWindow = isInWindow;
    message.isReplaced = false;
    if (message.key === undefined) return !isInWindow;
    const line = this.for(message.lane, message.key);
    message.line = line;
    const isFirst = line.failed === undefined && line.parked.length === 0;
    if (isInWindow && isDue && isFirst) line.outstanding++;
    else if (isFirst && line.outstanding === 0 && message.reason === "retry") {
      line.fail(message);
      return !isInWindow;
    } else {
      message.isReleased = false;
      if (!isInWindow) line.park(message);
    }
    return false;
  }

  /** Takes a line out. */
  delete(line: KeyLine): void {
    if (this.#lines[line.lane]?.delete(line.key) === true) this.#count(line.key, -1);
  }

  #count(key: string, change: 1 | -1): void {
    this.size += change;
    const slot = keySlot(key);
    const count = (this.#slots.get(slot) ?? 0) + change;
    if (count > 0) this.#slots.set(slot, count);
    else this.#slots.delete(slot);
  }

  /** Takes all lines out. */
  clear(): void {
    for (const lines of this.#lines) lines.clear();
    this.#slots.clear();
    this.size = 0;
  }

  /** All lines, log by log. */
  get all(): readonly KeyLine[] {
    return this.#lines.flatMap((each) => Array.from(each.values()));
  }
}
