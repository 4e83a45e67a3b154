// The order by key on the shelf: one message of each key may start, later ones wait behind it. By
// keys and not by their slots, because a message may wait here for long and must not keep another
// key from its turn; but the slots, which are stored, say which keys are to be compared, so that
// most texts are never read. Knows nothing of rates. Always true: messages of one key leave in the
// order of their offsets; what was put back goes before what came later.
import { priorities } from "../message/envelope.ts";
import { Waiting } from "./waiting.ts";

/** Places of a table; several slots share one. */
const placesOfTable = 4_096;

type Table = (Waiting | undefined)[];

/** Keys with messages on the shelf; as many as the window holds at most. */
export class KeyQueues {
  readonly #isOrdered: boolean;
  /** By log; in each place the first messages of the keys of its slots, linked. */
  readonly #tables: (Table | undefined)[] = priorities.map(() => undefined);

  constructor(order: "key" | "none") {
    this.#isOrdered = order === "key";
  }

  /** Adds a message; gives it back where it is the one of its key that may start. */
  enter(waiting: Waiting): Waiting | undefined {
    if (!this.#isOrdered) return waiting;
    const { batch, position } = waiting;
    const slot = batch.stored.slotAt(batch.recordAt(position));
    waiting.slot = slot;
    const table = (this.#tables[batch.lane] ??= Array.from<undefined>({ length: placesOfTable }));
    const at = slot % placesOfTable;
    const first = table[at];
    const head = first === undefined ? undefined : headOf(first, waiting);
    if (head !== undefined) return this.#enterBehind(head, waiting);
    waiting.nextInSlot = first;
    table[at] = waiting;
    return waiting;
  }

  /** A message of the same key is there. */
  #enterBehind(head: Waiting, waiting: Waiting): Waiting | undefined {
    const rest = (head.rest ??= []);
    const { offset } = waiting;
    if (head.isOut || offset > head.offset) {
      let at = rest.length;
      while (at > 0 && (rest[at - 1] as Waiting).offset > offset) at--;
      rest.splice(at, 0, waiting);
      return undefined;
    }
    rest.unshift(new Waiting(head.batch, head.position));
    this.#replace(head, waiting);
    head.isRetracted = true;
    return waiting;
  }

  /** The message was given out. */
  given(waiting: Waiting): void {
    waiting.isOut = true;
  }

  /** The message is done with; the next one of its key, if there is one. */
  leave(waiting: Waiting): Waiting | undefined {
    const next = waiting.rest?.shift();
    return this.#replace(waiting, next) ? next : undefined;
  }

  /** Puts `next` into the place of `head`, with those behind it; false: it is not there. */
  #replace(head: Waiting, next: Waiting | undefined): boolean {
    const table = this.#tables[head.batch.lane];
    if (table === undefined) return false;
    const at = head.slot % placesOfTable;
    let before: Waiting | undefined;
    let each = table[at];
    for (; each !== head; each = each.nextInSlot) {
      if (each === undefined) return false;
      before = each;
    }
    if (next !== undefined) {
      next.slot = head.slot;
      next.rest = head.rest;
      next.nextInSlot = head.nextInSlot;
    }
    const follower = next ?? head.nextInSlot;
    if (before === undefined) table[at] = follower;
    else before.nextInSlot = follower;
    head.rest = undefined;
    head.nextInSlot = undefined;
    return true;
  }

  /** The message behind whose key this one waits. */
  aheadOf(test: (waiting: Waiting) => boolean): Waiting | undefined {
    for (const table of this.#tables) {
      for (const first of table ?? []) {
        for (let each = first; each !== undefined; each = each.nextInSlot) {
          if (each.rest?.some(test) === true) return each;
        }
      }
    }
    return undefined;
  }

  clear(): void {
    this.#tables.fill(undefined);
  }
}

/** The first message of the key of `waiting`, among those linked in one place. */
function headOf(first: Waiting, waiting: Waiting): Waiting | undefined {
  for (let each: Waiting | undefined = first; each !== undefined; each = each.nextInSlot) {
    if (each.slot !== waiting.slot) continue;
    const { key } = waiting;
    if (key !== undefined && each.key === key) return each;
  }
  return undefined;
}
