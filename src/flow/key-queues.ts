// The order by key on the shelf: one message of each key may start, later ones wait behind it. By
// keys and not by their slots, because a message may wait here for long and must not keep another
// key from its turn. Knows nothing of rates. Always true: messages of one key leave in the order of
// their offsets; what was put back goes before what came later.
import { priorities } from "../message/envelope.ts";
import type { Waiting } from "./waiting.ts";

interface KeyQueue {
  /** The one that may start, or was given out. */
  head: Waiting;
  isOut: boolean;
  /** Those behind it, by offset; mostly none. */
  rest: Waiting[] | undefined;
}

/** Keys with messages on the shelf; as many as the window holds at most. */
export class KeyQueues {
  readonly #isOrdered: boolean;
  readonly #lanes: readonly Map<string, KeyQueue>[] = priorities.map(() => new Map());

  constructor(order: "key" | "none") {
    this.#isOrdered = order === "key";
  }

  /** Adds a message; gives it back where it is the one of its key that may start. */
  enter(waiting: Waiting): Waiting | undefined {
    const { key, lane, offset } = waiting;
    if (key === undefined || !this.#isOrdered) return waiting;
    const queues = this.#lanes[lane] as Map<string, KeyQueue>;
    const queue = queues.get(key);
    if (queue === undefined) {
      queues.set(key, { head: waiting, isOut: false, rest: undefined });
      return waiting;
    }
    const { head } = queue;
    const rest = (queue.rest ??= []);
    if (queue.isOut || offset > head.offset) {
      let at = rest.length;
      while (at > 0 && (rest[at - 1] as Waiting).offset > offset) at--;
      rest.splice(at, 0, waiting);
      return undefined;
    }
    rest.unshift({ ...head, wasReleased: false });
    head.isRetracted = true;
    queue.head = waiting;
    return waiting;
  }

  /** The message was given out. */
  given(waiting: Waiting): void {
    const queue = this.#queueOf(waiting);
    if (queue !== undefined) queue.isOut = true;
  }

  /** The message is done with; the next one of its key, if there is one. */
  leave(waiting: Waiting): Waiting | undefined {
    const queue = this.#queueOf(waiting);
    if (queue === undefined) return undefined;
    const next = queue.rest?.shift();
    if (next === undefined) {
      this.#lanes[waiting.lane]?.delete(waiting.key as string);
      return undefined;
    }
    queue.head = next;
    queue.isOut = false;
    return next;
  }

  #queueOf({ key, lane }: Waiting): KeyQueue | undefined {
    return key === undefined ? undefined : this.#lanes[lane]?.get(key);
  }

  /** The message behind whose key this one waits. */
  aheadOf(test: (waiting: Waiting) => boolean): Waiting | undefined {
    for (const queues of this.#lanes) {
      for (const { head, rest } of queues.values()) if (rest?.some(test)) return head;
    }
    return undefined;
  }

  /** Messages behind others. */
  *[Symbol.iterator](): Generator<Waiting> {
    for (const queues of this.#lanes) for (const { rest } of queues.values()) yield* rest ?? [];
  }

  clear(): void {
    for (const queues of this.#lanes) queues.clear();
  }
}
