// Open messages whose turn has come and whose payload must be read again, for each log by offset:
// neighbours lie in one stored batch, which is then read, and whose open list is then written, once
// for all of them. Knows nothing of lines or due times.
import { priorities } from "../message/envelope.ts";
import { DueHeap } from "./due-heap.ts";
import type { OpenMessage } from "./key-lines.ts";

/** Messages to be read again. */
export class ReleasedMessages {
  readonly #byLane = priorities.map(() => new DueHeap<OpenMessage>());

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#byLane.every((messages) => messages.size === 0);
  }

  /** Adds one. */
  add(message: OpenMessage): void {
    this.#byLane[message.lane]?.push(message.offset, message);
  }

  /** Takes up to `max` of one log, the most urgent first; by offset. */
  take(max: number): OpenMessage[] {
    const messages = this.#byLane.find((each) => each.size > 0);
    const taken: OpenMessage[] = [];
    while (taken.length < max) {
      const next = messages?.popDue(Number.POSITIVE_INFINITY);
      if (next === undefined) break;
      taken.push(next);
    }
    return taken;
  }

  /** Removes all. */
  clear(): void {
    for (const messages of this.#byLane) messages.clear();
  }
}
