// Open messages whose turn has come and whose payload must be read again: a queue for each log.
// Knows nothing of lines or due times.
import { priorities } from "../message/envelope.ts";
import { byPosition, type OpenMessage } from "./key-lines.ts";

/** Messages to be read again. */
export class ReleasedMessages {
  readonly #byLane: readonly OpenMessage[][] = priorities.map(() => []);

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#byLane.every((messages) => messages.length === 0);
  }

  /** Adds one behind the others of its log. */
  add(message: OpenMessage): void {
    this.#byLane[message.lane]?.push(message);
  }

  /** Takes up to `max` of one log, the most urgent first; by offset. */
  take(max: number): OpenMessage[] {
    const messages = this.#byLane.find((each) => each.length > 0) ?? [];
    return messages.splice(0, max).sort(byPosition);
  }

  /** Removes all. */
  clear(): void {
    for (const messages of this.#byLane) messages.length = 0;
  }
}
