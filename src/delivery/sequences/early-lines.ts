// The messages that wait for those before them in the sequence of their key, by key. Keeps no
// payloads: they are open messages. Knows nothing of why they may go on. Always true: a line is in
// the order of numbers, then of offsets; one without messages is let go.
import type { OpenMessage } from "../key-lines.ts";
import type { EarlyPlace } from "./numbered.ts";

/** An open message that came early. */
export interface EarlyMessage extends OpenMessage {
  early: EarlyPlace;
}

/** The early messages of one key. */
export interface EarlyLine {
  readonly messages: EarlyMessage[];
  /** Nothing waits any longer for numbers up to here. */
  upTo: number;
}

/** See the head of this file. */
export class EarlyLines {
  /** Messages in all. */
  size = 0;
  /** The key that has waited longest is the first. */
  readonly #lines = new Map<string, EarlyLine>();

  /** The line of a key, if messages of it wait. */
  of(name: string): EarlyLine | undefined {
    return this.#lines.get(name);
  }

  /** The lines, the one that has waited longest first. */
  get all(): Iterable<EarlyLine> {
    return this.#lines.values();
  }

  /** Adds a message; it mostly is the last. */
  add(message: EarlyMessage): EarlyLine {
    const { name } = message.early;
    const line = this.#lines.get(name) ?? { messages: [], upTo: -1 };
    this.#lines.set(name, line);
    const { messages } = line;
    let at = messages.length;
    while (at > 0 && isBefore(message, messages[at - 1] as EarlyMessage)) at--;
    messages.splice(at, 0, message);
    this.size++;
    return line;
  }

  /** Takes a message out, if it is there. */
  remove(message: OpenMessage): void {
    const line = message.early === undefined ? undefined : this.#lines.get(message.early.name);
    const at = line?.messages.indexOf(message as EarlyMessage) ?? -1;
    if (line === undefined || at === -1) return;
    line.messages.splice(at, 1);
    this.size--;
    if (line.messages.length === 0) this.#lines.delete((message as EarlyMessage).early.name);
  }

  /** Takes all out. */
  clear(): void {
    this.#lines.clear();
    this.size = 0;
  }
}

function isBefore(left: EarlyMessage, right: EarlyMessage): boolean {
  return (
    left.early.number - right.early.number < 0 ||
    (left.early.number === right.early.number && left.offset < right.offset)
  );
}
